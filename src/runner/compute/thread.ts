/**
 * The thread in which ONNX Runtime runs: `run` blocks the thread that calls it for its whole length, and the main thread
 * has progress to show, images to fetch and Ctrl-C to answer.
 */
import { Worker } from 'node:worker_threads';
import type { TrainingOptions } from '../../graph/options.js';
import type { Compute, GraphName, GraphOptions, RunResult, JoinedRanks } from './compute.js';
import type { EngineName, PlainTensors } from './engine.js';
import type { Call, Reply, Start } from './worker.js';
import { UserError } from '../base/errors.js';
import { ModuleError } from '../modules/blame.js';
import type { Blueprint } from '../modules/blueprint.js';
import type { LoadedModules } from '../modules/kinds.js';
import { noModules } from '../modules/kinds.js';
import { errorCode } from '../base/files.js';
import { memoryError } from './out-of-memory.js';
import type { DeviceOptions } from '../options/run-options.js';
import { workerFile } from '../base/worker-file.js';

interface Waiting {
  resolve: (result: never) => void;
  reject: (error: Error) => void;
}

/** Node.js's code for a thread whose heap is full. */
const outOfMemory = 'ERR_WORKER_OUT_OF_MEMORY';

/** A thread that ends by itself has run out of memory, or a library has ended it. */
const ended = (reason: string) =>
  new UserError(`the compute thread has ended (${reason}). Go on from the last checkpoint with --resume auto.`);

/** `Compute` in a thread of its own; every method has the meaning that it has there. */
export class ComputeThread {
  private readonly worker: Worker;
  private readonly waiting = new Map<number, Waiting>();
  private calls = 0;
  private ended: Error | undefined;
  private readonly device: DeviceOptions['device'];

  /** @param modules that graphs are made of, already loaded once */
  constructor(
    { device, deviceId, threads, tf32, gpuMemLimit, deterministic }: DeviceOptions,
    { facts }: LoadedModules = noModules,
  ) {
    this.device = device;
    const modules = Object.fromEntries(
      facts.map(({ kind, path, sha256, network }) => [kind, { path, sha256, network }]),
    );
    const workerData: Start = { device: { device, deviceId, threads, tf32, gpuMemLimit, deterministic }, modules };
    this.worker = new Worker(workerFile('compute/worker'), { workerData });
    this.worker.on('message', (reply: Reply) => this.settle(reply));
    this.worker.on('error', (error) => this.end(errorCode(error) === outOfMemory ? ended(error.message) : error));
    this.worker.on('exit', (code) => this.end(ended(`code ${code}`)));
  }

  engineName(): Promise<EngineName> {
    return this.call('engineName', []);
  }

  joinRanks(timeoutSeconds: number): Promise<JoinedRanks> {
    return this.call('joinRanks', [timeoutSeconds]);
  }

  gather(mine: Float32Array<ArrayBuffer>): Promise<Float32Array<ArrayBuffer>> {
    return this.call('gather', [mine]);
  }

  meet(runs: readonly PlainTensors[]): Promise<RunResult> {
    return this.call('meet', [runs]);
  }

  leaveRanks(): Promise<void> {
    return this.call('leaveRanks', []);
  }

  open<Name extends GraphName>(graph: Name, options: GraphOptions[Name]): Promise<void> {
    return this.call('open', [graph, options]);
  }

  blueprint(options: TrainingOptions): Promise<Blueprint> {
    return this.call('blueprint', [options]);
  }

  /** @param transfer buffers that the thread may have instead of a copy; the caller's arrays are empty afterwards */
  hold(tensors: PlainTensors, transfer: readonly ArrayBufferLike[] = []): Promise<void> {
    return this.call('hold', [tensors], transfer);
  }

  initialize(options: TrainingOptions, seed: number): Promise<void> {
    return this.call('initialize', [options, seed]);
  }

  /** @param transfer as in `hold` */
  async run(graph: GraphName, feeds: PlainTensors, transfer: readonly ArrayBufferLike[] = []): Promise<RunResult> {
    try {
      return await this.call('run', [graph, feeds], transfer);
    } catch (error) {
      // On the way to the thread and back, too.
      throw memoryError(error, `${graph} on ${this.device}`) ?? error;
    }
  }

  read(names: string[]): Promise<Record<string, Float32Array<ArrayBuffer>>> {
    return this.call('read', [names]);
  }

  release(graph: GraphName): Promise<void> {
    return this.call('release', [graph]);
  }

  /** Ends the thread, after the run that it is in; calls that have no answer yet reject. */
  async close(): Promise<void> {
    if (this.ended === undefined) await this.call('close', []).catch(() => undefined);
    await this.worker.terminate();
  }

  private call<Result>(
    method: keyof Compute,
    args: unknown[],
    transfer: readonly ArrayBufferLike[] = [],
  ): Promise<Result> {
    if (this.ended) return Promise.reject(this.ended);
    const id = this.calls++;
    return new Promise((resolve, reject) => {
      this.worker.postMessage({ id, method, args } satisfies Call, transfer as ArrayBuffer[]);
      this.waiting.set(id, { resolve, reject });
    });
  }

  private settle(reply: Reply): void {
    const { resolve, reject } = this.waiting.get(reply.id)!;
    this.waiting.delete(reply.id);
    if ('result' in reply) {
      resolve(reply.result as never);
      return;
    }
    const { message, stack, kind } = reply.error;
    const made = {
      module: () => new ModuleError(message),
      user: () => new UserError(message),
      bug: () => Object.assign(new Error(message), { stack }),
    };
    reject(made[kind]());
  }

  private end(error: Error): void {
    this.ended ??= error;
    for (const { reject } of this.waiting.values()) reject(this.ended);
    this.waiting.clear();
  }
}
