/**
 * ONNX Runtime's sessions and the tensors that stay with them from run to run (the training state): what runs in the
 * compute thread. Graphs are built here as well, and initial weights made, since both take seconds for large networks.
 */
import ort from 'onnxruntime-node';
import type { InferenceSession } from 'onnxruntime-node';
import { buildEvalModel } from '../graph/artifacts.js';
import { describeNetwork } from '../graph/flat.js';
import { initialState } from '../graph/init.js';
import type { NetworkOptions, TrainingOptions } from '../graph/options.js';
import type { RetrievalOptions } from '../graph/retrieval.js';
import { buildRetrievalModel } from '../graph/retrieval.js';
import type { SamplingOptions } from '../graph/sampling.js';
import { buildSamplingModel } from '../graph/sampling.js';
import { stateTensors } from '../graph/state.js';
import { UserError } from './errors.js';
import { openTrainLoop, runInPlace } from './in-place.js';
import { openSession } from './ort.js';
import { memoryError } from './out-of-memory.js';
import type { DeviceOptions } from './run-options.js';

/** The graphs that a compute thread can open, and what each is built from. */
export interface GraphOptions {
  train_loop: TrainingOptions;
  eval_model: NetworkOptions;
  retrieval: RetrievalOptions;
  sampling: SamplingOptions;
}

export type GraphName = keyof GraphOptions;

type Open<Options> = (options: Options, device: DeviceOptions) => Promise<InferenceSession>;

const openers: { [Name in GraphName]: Open<GraphOptions[Name]> } = {
  train_loop: openTrainLoop,
  eval_model: (options, device) => openSession(buildEvalModel(options), device),
  retrieval: (options, device) => openSession(buildRetrievalModel(options), device),
  sampling: (options, device) => openSession(buildSamplingModel(options), device),
};

/** A tensor as it travels between threads. */
export interface PlainTensor {
  data: Float32Array | Int32Array | Uint8Array;
  dims: number[];
}

export type PlainTensors = Record<string, PlainTensor>;

export interface RunResult {
  /** The outputs, but for those that replaced held tensors. */
  outputs: PlainTensors;
  /** How long ONNX Runtime ran. */
  seconds: number;
}

const toTensor = ({ data, dims }: PlainTensor): ort.Tensor => {
  if (data instanceof Float32Array) return new ort.Tensor('float32', data, dims);
  return data instanceof Int32Array ? new ort.Tensor('int32', data, dims) : new ort.Tensor('uint8', data, dims);
};

function explain(error: unknown, graph: string, { device }: DeviceOptions): Error {
  const where = `${graph} on ${device}`;
  const message = error instanceof Error ? error.message : String(error);
  return memoryError(error, where) ?? new Error(`${where}: ${message}`, { cause: error });
}

export class Compute {
  private readonly sessions = new Map<GraphName, InferenceSession>();
  private readonly held = new Map<string, ort.Tensor>();

  constructor(private readonly device: DeviceOptions) {}

  /** Builds a graph and opens it, in place of one of its name. @throws UserError when the device can't be used */
  async open<Name extends GraphName>(graph: Name, options: GraphOptions[Name]): Promise<void> {
    await this.release(graph);
    try {
      this.sessions.set(graph, await openers[graph](options, this.device));
    } catch (error) {
      throw error instanceof UserError ? error : explain(error, graph, this.device);
    }
  }

  /** Keeps tensors: they are inputs of every graph that has an input of their name and is run without it. */
  hold(tensors: PlainTensors): void {
    for (const [name, tensor] of Object.entries(tensors)) this.held.set(name, toTensor(tensor));
  }

  /** Holds the state that a training begins with. */
  initialize(options: TrainingOptions, seed: number): void {
    const layout = describeNetwork(options);
    const state = initialState(options, seed, layout);
    for (const { name, shape } of stateTensors(layout, options.optimizer, options.classes)) {
      this.hold({ [name]: { data: state[name]!, dims: shape } });
    }
  }

  /**
   * Runs an open graph. An output NAME_out is written into the held tensor NAME.
   *
   * @throws UserError when the device has not enough memory; held tensors are then as before
   */
  async run(graph: GraphName, feeds: PlainTensors): Promise<RunResult> {
    const session = this.sessions.get(graph);
    if (!session) throw new Error(`${graph} is not open`);
    const inputs = Object.fromEntries(
      session.inputNames.map((name) => {
        const tensor = feeds[name] ? toTensor(feeds[name]) : this.held.get(name);
        if (!tensor) throw new Error(`${graph}: input ${name} is neither given nor held`);
        return [name, tensor];
      }),
    );
    const started = performance.now();
    const results = await runInPlace(session, inputs, Object.fromEntries(this.held)).catch((error: unknown) => {
      throw explain(error, graph, this.device);
    });
    const seconds = (performance.now() - started) / 1000;
    const plain = ({ data, dims }: ort.Tensor): PlainTensor => ({ data: data as PlainTensor['data'], dims: [...dims] });
    const outputs = Object.fromEntries(Object.entries(results).map(([name, tensor]) => [name, plain(tensor)]));
    return { outputs, seconds };
  }

  /** Copies of held float32 tensors. */
  read(names: string[]): Record<string, Float32Array<ArrayBuffer>> {
    return Object.fromEntries(names.map((name) => [name, new Float32Array(this.held.get(name)!.data as Float32Array)]));
  }

  /** Closes a graph and gives its working memory back; nothing when it is not open. */
  async release(graph: GraphName): Promise<void> {
    const session = this.sessions.get(graph);
    this.sessions.delete(graph);
    await session?.release();
  }

  /** Closes everything. */
  async close(): Promise<void> {
    for (const graph of this.sessions.keys()) await this.release(graph);
    this.held.clear();
  }
}
