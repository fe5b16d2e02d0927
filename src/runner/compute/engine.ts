/** ONNX Runtime as the compute thread uses it: there are two ways to reach it (`engines.ts`). */
import type { DeviceOptions } from '../options/run-options.js';

/** A tensor as it travels between threads. */
export interface PlainTensor {
  data: Float32Array | Float64Array | Int32Array | Uint8Array;
  dims: number[];
}

export type PlainTensors = Record<string, PlainTensor>;

/** What differs from session to session. */
export interface SessionSettings {
  /** Whether memory of a run is kept for the next one. Default true. */
  enableCpuMemArena?: boolean;
  /** What ONNX Runtime tells on standard error, from 0, where each node is placed, to 4, the default. */
  logSeverityLevel?: 0 | 1 | 2 | 3 | 4;
}

/** The held tensor whose memory an output is written into: NAME for NAME_out. */
export const placeOf = (output: string, held: PlainTensors): PlainTensor | undefined =>
  output.endsWith('_out') ? held[output.slice(0, -'_out'.length)] : undefined;

export interface EngineSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  /**
   * Runs. An output NAME_out is written into the memory of `held[NAME]`: a Loop writes its outputs after its last step, when nothing
   * reads its inputs any more.
   *
   * @param inputs all of them
   * @returns the other outputs
   * @throws Error with ONNX Runtime's words
   */
  run(inputs: PlainTensors, held: PlainTensors): Promise<PlainTensors>;
  /** Gives the session's memory back. */
  release(): Promise<void>;
}

export type EngineName = 'C API' | 'binding';

export interface Engine {
  readonly name: EngineName;
  /**
   * @param model bytes of an ONNX model without external data
   * @throws UserError when the device can't be used, saying what to install
   * @throws Error with ONNX Runtime's words when the model itself is at fault
   */
  open(model: Uint8Array, device: DeviceOptions, settings?: SessionSettings): Promise<EngineSession>;
}
