/**
 * ONNX Runtime's sessions and the tensors that stay with them from run to run (the training state): what runs in the
 * compute thread. Graphs are built here as well, and initial weights made, since both take seconds for large networks.
 */
import type { TakesFeatures } from '../../graph/artifacts/artifacts.js';
import { buildEvalModel, buildFeaturesModel, buildHeadModel, buildTrainLoop } from '../../graph/artifacts/artifacts.js';
import { describeNetwork, describeState, initialState } from '../../graph/step/describe.js';
import type { NetworkOptions, TrainingOptions } from '../../graph/options.js';
import { buildNearestCenterModel } from '../../graph/artifacts/nearest-center.js';
import { buildRelevanceModel } from '../../graph/artifacts/relevance.js';
import type { RetrievalOptions } from '../../graph/artifacts/retrieval.js';
import { buildRetrievalModel } from '../../graph/artifacts/retrieval.js';
import type { SamplingOptions } from '../../graph/artifacts/sampling.js';
import { buildSamplingModel } from '../../graph/artifacts/sampling.js';
import type { Definitions } from '../../graph/parts/parts.js';
import type { NamedShape } from '../../graph/state/state.js';
import { UserError } from '../base/errors.js';
import { blamed, blamedNode, blaming } from '../modules/blame.js';
import type { Blueprint } from '../modules/blueprint.js';
import { blueprintOf } from '../modules/blueprint.js';
import type { LoadedModules, ModuleSources } from '../modules/kinds.js';
import { loadModules } from '../modules/load.js';
import { deviceError } from './device-words.js';
import type { Engine, EngineName, EngineSession, HeldTensors, PlainTensors } from './engine.js';
import { placeOf } from './engine.js';
import { chooseEngine } from './engines.js';
import { memoryError } from './out-of-memory.js';
import { tooLargeError } from './too-large.js';
import { meet } from './meet.js';
import { RankedSteps } from './ranked-steps.js';
import { stacked } from './stacked.js';
import { openTrainLoop } from './train-loop.js';
import type { DeviceOptions } from '../options/run-options.js';
import type { Communicator } from '../ranks/communicator.js';
import type { Work } from '../ranks/work.js';
import { worked } from '../ranks/work.js';

/** How a rank takes its steps. */
export interface TrainsApart {
  /** By itself, with batches of its own, until it meets the others; else together with them. */
  trainsApart?: boolean;
}

/** The graphs that a compute thread can open, and what each is built from. */
export interface GraphOptions {
  train_loop: TrainingOptions & TakesFeatures & TrainsApart;
  eval_model: NetworkOptions;
  features_model: NetworkOptions;
  head_model: NetworkOptions;
  retrieval: RetrievalOptions;
  relevance: RetrievalOptions;
  nearest_center: { dim: number };
  sampling: SamplingOptions;
}

export type GraphName = keyof GraphOptions;

type Open<Options> = (
  engine: Engine,
  options: Options,
  device: DeviceOptions,
  definitions: Definitions,
) => Promise<EngineSession>;

const openers: { [Name in GraphName]: Open<GraphOptions[Name]> } = {
  train_loop: openTrainLoop,
  eval_model: (engine, options, device, definitions) =>
    engine.open(buildEvalModel({ ...options, provider: device.device }, definitions), device),
  features_model: (engine, options, device, definitions) =>
    engine.open(buildFeaturesModel({ ...options, provider: device.device }, definitions), device),
  head_model: (engine, options, device, definitions) => engine.open(buildHeadModel(options, definitions), device),
  retrieval: (engine, options, device) => engine.open(buildRetrievalModel(options), device),
  relevance: (engine, options, device) => engine.open(buildRelevanceModel(options), device),
  nearest_center: (engine, options, device) => engine.open(buildNearestCenterModel(options), exactOn(device)),
  sampling: (engine, options, device) => engine.open(buildSamplingModel(options), device),
};

/** Which center is the nearest is no matter of the 11 bits that TF32 keeps. */
const exactOn = (device: DeviceOptions): DeviceOptions =>
  device.device === 'cuda' ? { ...device, tf32: 'off' } : device;

/** The graphs that modules may be part of, made again to find a node of theirs. */
const builders: { [Name in GraphName]?: (options: GraphOptions[Name], definitions: Definitions) => unknown } = {
  train_loop: buildTrainLoop,
  eval_model: buildEvalModel,
  features_model: buildFeaturesModel,
};

/** Ranks, this process among them. */
export interface JoinedRanks {
  rank: number;
  size: number;
  /** What they speak by, and what there is to know of it, for people. */
  by: string;
  note?: string;
  /** Of this rank. */
  work: Work;
}

export interface RunResult {
  /** The outputs, but for those that replaced held tensors. */
  outputs: PlainTensors;
  /** How long ONNX Runtime ran. */
  seconds: number;
}

function explain(error: unknown, graph: string, options: DeviceOptions): Error {
  const where = `${graph} on ${options.device}`;
  const message = error instanceof Error ? error.message : String(error);
  // CUDA's libraries are loaded by the first operator that calls them.
  return (
    deviceError(error, options) ?? memoryError(error, where) ?? new Error(`${where}: ${message}`, { cause: error })
  );
}

export class Compute {
  private readonly sessions = new Map<GraphName, EngineSession>();
  private readonly built = new Map<GraphName, unknown>();
  private readonly engine: Promise<Engine>;
  private held: Promise<HeldTensors> | undefined;
  /** The graph that failed while it may have written held tensors, some of them and not others. */
  private brokenBy: GraphName | undefined;
  private readonly modules: Promise<LoadedModules>;
  /** With the other ranks of the training, where there are some. */
  private communicator: Communicator | undefined;
  /** The state of a rank that trains apart, and whether it is no longer that of the others. */
  private apart: readonly NamedShape[] | undefined;
  private isApart = false;

  /** @param modules to load: those that the graphs' options name, each as it was when its run was opened */
  constructor(
    private readonly device: DeviceOptions,
    modules: ModuleSources = {},
  ) {
    this.modules = loadModules(modules);
    this.engine = chooseEngine(device).then(({ engine }) => engine);
    // Told when a graph is opened.
    for (const promise of [this.modules, this.engine]) promise.catch(() => undefined);
  }

  /** The way that is taken to ONNX Runtime. */
  async engineName(): Promise<EngineName> {
    return (await this.engine).name;
  }

  /**
   * Meets the other ranks. From then on `train_loop` is what all of them make of it: its images are those of this rank.
   *
   * @throws UserError when they don't come, or neither MPI nor NCCL is installed that can be used
   */
  async joinRanks(timeoutSeconds: number): Promise<JoinedRanks> {
    const { openRanks } = await import('../ranks/open.js');
    const { name, rankDevice } = await this.engine;
    const device = rankDevice?.(this.device);
    const lacks = this.device.device === 'cuda' && !device ? `ONNX Runtime is used through its ${name}` : undefined;
    const { communicator, note } = await openRanks({ timeoutSeconds, device, lacks });
    this.communicator = communicator;
    const { rank, size, by, work } = communicator;
    return { rank, size, by, note, work };
  }

  /** Says to the other ranks, where there are some, that something is done. */
  worked(): void {
    if (this.communicator) worked(this.communicator.work);
  }

  /** What all ranks give, in their order. */
  async gather(mine: Float32Array<ArrayBuffer>): Promise<Float32Array<ArrayBuffer>> {
    const all = new Float32Array(mine.length * this.communicator!.size);
    await this.communicator!.allGather(mine, all);
    return all;
  }

  /**
   * The end of steps that ranks have taken by themselves: the state becomes the mean of theirs.
   *
   * @param runs what `train_loop` has given since they met, on each of them for as many steps
   * @returns all of it, as means over the ranks
   */
  async meet(runs: readonly PlainTensors[]): Promise<RunResult> {
    const started = performance.now();
    const outputs = await meet(this.communicator!, await this.holder(), this.apart!, stacked(runs));
    this.isApart = false;
    return { outputs, seconds: (performance.now() - started) / 1000 };
  }

  /** The end that all ranks have come to. */
  async leaveRanks(): Promise<void> {
    await this.communicator!.close();
  }

  /** Builds a graph and opens it, in place of one of its name. @throws UserError when the device can't be used */
  async open<Name extends GraphName>(graph: Name, options: GraphOptions[Name]): Promise<void> {
    await this.release(graph);
    const { definitions, facts } = await this.modules;
    const engine = await this.engine;
    this.built.set(graph, options);
    const { trainsApart = false } = options as TrainsApart;
    if (trainsApart) {
      const training = options as TrainingOptions;
      this.apart = describeState(training, describeNetwork(training, definitions), definitions);
    }
    try {
      const session =
        graph === 'train_loop' && this.communicator && !trainsApart
          ? await RankedSteps.open(engine, options as TrainingOptions, this.device, definitions, this.communicator)
          : await openers[graph](engine, options, this.device, definitions);
      this.sessions.set(graph, session);
    } catch (error) {
      if (error instanceof UserError) throw error;
      const large = tooLargeError(error, `${graph} on ${this.device.device}`);
      throw large ?? blamed(error, facts) ?? (await this.explained(error, graph));
    }
  }

  /** What this thread makes of the modules, to be compared with what others make of them. */
  async blueprint(options: TrainingOptions): Promise<Blueprint> {
    const { definitions, facts } = await this.modules;
    return blaming({ facts }, () => blueprintOf(options, definitions));
  }

  /** Keeps tensors: they are inputs of every graph that has an input of their name and is run without it. */
  async hold(tensors: PlainTensors): Promise<void> {
    this.brokenBy = undefined;
    this.isApart = false;
    try {
      await (await this.holder()).hold(tensors);
    } catch (error) {
      throw error instanceof UserError ? error : explain(error, 'the state', this.device);
    }
  }

  /** Holds the state that a training begins with. */
  async initialize(options: TrainingOptions, seed: number): Promise<void> {
    const { definitions } = await this.modules;
    const layout = describeNetwork(options, definitions);
    const state = initialState(options, seed, layout, definitions);
    for (const { name, shape } of describeState(options, layout, definitions)) {
      await this.hold({ [name]: { data: state[name]!, dims: shape } });
    }
  }

  /**
   * Runs an open graph. An output NAME_out is written into the held tensor NAME.
   *
   * @throws UserError when the device has not enough memory. On the CPU, held tensors are then as before; on a device they can't be read
   *   any more, since the state is written by nodes that follow the Loop, one vector after another.
   */
  async run(graph: GraphName, feeds: PlainTensors): Promise<RunResult> {
    const session = this.sessions.get(graph);
    if (!session) throw new Error(`${graph} is not open`);
    const held = await this.holder();
    this.isApart ||= graph === 'train_loop' && this.apart !== undefined;
    const started = performance.now();
    const outputs = await session.run(feeds, held).catch(async (error: unknown) => {
      if (this.device.device !== 'cpu' && session.outputNames.some((name) => placeOf(name, held)))
        this.brokenBy = graph;
      throw await this.explained(error, graph);
    });
    return { outputs, seconds: (performance.now() - started) / 1000 };
  }

  /** What ONNX Runtime has thrown, as an error that says where it comes from. */
  private async explained(error: unknown, graph: GraphName): Promise<Error> {
    // Of the ranks: it is told already.
    if (error instanceof UserError) return error;
    const { definitions, facts } = await this.modules;
    const build = builders[graph] as ((options: unknown, definitions: Definitions) => unknown) | undefined;
    const again = () => void build?.(this.built.get(graph), definitions);
    const told = explain(error, graph, this.device);
    return told instanceof UserError ? told : (blamedNode(error, facts, again) ?? told);
  }

  /**
   * Copies of held float32 tensors.
   *
   * @throws Error after a run on a device that has failed and may have written some of them, and between two meetings of ranks
   */
  async read(names: string[]): Promise<Record<string, Float32Array<ArrayBuffer>>> {
    if (this.isApart) throw new Error('the state is that of one rank, which has not met the others');
    if (this.brokenBy) throw new Error(`the state on ${this.device.device} is unknown since ${this.brokenBy} failed`);
    return (await this.holder()).read(names);
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
    await this.held?.then(
      (held) => held.release(),
      () => undefined,
    );
    this.held = undefined;
  }

  /** Where it is not needed, no device is opened for it. */
  private holder(): Promise<HeldTensors> {
    this.held ??= this.engine.then((engine) => engine.holder(this.device));
    return this.held;
  }
}
