/** ONNX Runtime as the compute thread uses it: there are two ways to reach it (`engines.ts`). */
import type { DeviceOptions } from '../options/run-options.js';
import type { DeviceVector } from '../ranks/communicator.js';
import type { RankDevice } from '../ranks/nccl-communicator.js';

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
  /** Whether a CUDA device's memory is taken as it is asked for, or in powers of two. Those unless given; the binding has nothing else. */
  growth?: 'exact';
  /** What ONNX Runtime tells on standard error, from 0, where each node is placed, to 4, the default. */
  logSeverityLevel?: 0 | 1 | 2 | 3 | 4;
}

/** What a run needs of them. */
export interface Places<Place> {
  place(name: string): Place | undefined;
  /** What an output is written into besides NAME of NAME_out. */
  output?(name: string): Place | undefined;
}

/**
 * Tensors that stay from run to run: the state of a training, what is searched in.
 *
 * @typeParam Place how the sessions of its engine reach one
 */
export interface HeldTensors<Place = unknown> extends Places<Place> {
  /** Keeps tensors, each in place of one of its name; the arrays belong to it from then on. */
  hold(tensors: PlainTensors): Promise<void>;
  /** Copies of float32 tensors. */
  read(names: readonly string[]): Promise<Record<string, Float32Array<ArrayBuffer>>>;
  /** Where a float32 tensor lies on a GPU; undefined where they lie in the host's memory. */
  vector?(name: string): DeviceVector | undefined;
  /** Gives their memory back. */
  release(): Promise<void>;
}

/** The held tensor whose memory an output is written into: NAME for NAME_out, unless told otherwise. */
export const placeOf = <Place>(output: string, held: Places<Place>): Place | undefined =>
  held.output?.(output) ?? (output.endsWith('_out') ? held.place(output.slice(0, -'_out'.length)) : undefined);

/** What a run takes as an input: what is given, or what is held. @throws Error when it is neither */
export function inputOf<Place>(name: string, given: PlainTensors, held: Places<Place>): PlainTensor | Place {
  const tensor = given[name] ?? held.place(name);
  if (tensor === undefined) throw new Error(`input ${name} is neither given nor held`);
  return tensor;
}

export interface EngineSession<Place = unknown> {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  /**
   * Runs. An output NAME_out is written into the memory of the held tensor NAME: a Loop writes its outputs after its last step, when
   * nothing reads its inputs any more.
   *
   * @param given inputs that are not held, or are to be taken in place of those
   * @param held of the same engine
   * @returns the other outputs
   * @throws Error with ONNX Runtime's words
   */
  run(given: PlainTensors, held: Places<Place>): Promise<PlainTensors>;
  /** Gives the session's memory back. */
  release(): Promise<void>;
}

export type EngineName = 'C API' | 'binding';

export interface Engine<Place = unknown> {
  readonly name: EngineName;
  /**
   * Nothing yet, in the memory from which the device's sessions take it without a copy.
   *
   * @throws as `open`
   */
  holder(device: DeviceOptions): Promise<HeldTensors<Place>>;
  /**
   * What opens the device for ranks that speak by NCCL; undefined where there is none that NCCL reaches.
   *
   * @throws as `open`
   */
  rankDevice?(device: DeviceOptions): ((ranks: number) => Promise<RankDevice>) | undefined;
  /**
   * @param model bytes of an ONNX model without external data
   * @throws UserError when the device can't be used, saying what to install
   * @throws Error with ONNX Runtime's words when the model itself is at fault
   */
  open(model: Uint8Array, device: DeviceOptions, settings?: SessionSettings): Promise<EngineSession<Place>>;
}
