/** Steps of a training whose batch is divided among ranks: models of each rank, and what the ranks say to each other between them. */
import type { RankModel } from '../../graph/artifacts/ranks.js';
import { buildRankModel, imagesOfRank, rankModels } from '../../graph/artifacts/ranks.js';
import type { TrainingOptions } from '../../graph/options.js';
import type { Definitions } from '../../graph/parts/parts.js';
import type { DeviceOptions } from '../options/run-options.js';
import type { Communicator } from '../ranks/communicator.js';
import type { Engine, EngineSession, HeldTensors, Places, PlainTensor, PlainTensors } from './engine.js';
import { stacked } from './stacked.js';

type Sessions = Record<RankModel, EngineSession>;

/** One step's of tensors that have a row for each. */
function rowsAt(given: PlainTensors, step: number, steps: number): PlainTensors {
  const rows = Object.entries(given).map(([name, { data, dims }]): [string, PlainTensor] => {
    const size = data.length / steps;
    return [name, { data: data.subarray(step * size, (step + 1) * size), dims: dims.slice(1) }];
  });
  return Object.fromEntries(rows);
}

const only = (tensors: PlainTensors, names: readonly string[]): PlainTensors =>
  Object.fromEntries(Object.entries(tensors).filter(([name]) => names.includes(name)));

/** In place of `train_loop.onnx`. */
export class RankedSteps implements EngineSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];

  private constructor(
    private readonly sessions: Sessions,
    private readonly options: TrainingOptions,
    private readonly communicator: Communicator,
    /** The gradient on the device, where the ranks reach it there. */
    private readonly own: HeldTensors | undefined,
  ) {
    const all = Object.values(sessions);
    this.inputNames = all.flatMap(({ inputNames }) => inputNames);
    this.outputNames = all.flatMap(({ outputNames }) => outputNames);
  }

  /** @throws UserError when the device can't be used */
  static async open(
    engine: Engine,
    options: TrainingOptions,
    device: DeviceOptions,
    definitions: Definitions,
    communicator: Communicator,
  ): Promise<RankedSteps> {
    const sessions: Partial<Sessions> = {};
    for (const model of rankModels)
      sessions[model] = await engine.open(buildRankModel(model, options, communicator.size, definitions), device);
    const own = communicator.allReduceOnDevice && (await engine.holder(device));
    return new RankedSteps(sessions as Sessions, options, communicator, own);
  }

  /**
   * Takes steps, and writes the state that is held.
   *
   * @param given as of `train_loop.onnx`, but for images: those of this rank alone, [steps, n, S, S, 3]
   * @returns as of `train_loop.onnx`: the same on every rank
   */
  async run(given: PlainTensors, held: Places<unknown>): Promise<PlainTensors> {
    const [steps] = given['labels']!.dims as [number];
    const made: PlainTensors[] = [];
    for (let step = 0; step < steps; step++) made.push(await this.step(rowsAt(given, step, steps), held));
    return stacked(made);
  }

  async release(): Promise<void> {
    await this.own?.release();
    for (const model of rankModels) await this.sessions[model].release();
  }

  private async step(given: PlainTensors, held: Places<unknown>): Promise<PlainTensors> {
    const { sessions, communicator } = this;
    const { batchSize, embedDim } = this.options;
    const n = imagesOfRank(this.options, communicator.size);
    const first = n * communicator.rank;
    const own = { ...only(given, ['images', 'dropout']), first: { data: Int32Array.of(first), dims: [] } };
    const { embeddings, statistics } = await sessions.rank_embed.run(own, held);
    const all = new Float32Array(batchSize * embedDim);
    await communicator.allGather(embeddings!.data as Float32Array, all);
    if (statistics) await communicator.allReduce(statistics.data as Float32Array);

    const gathered = { embeddings: { data: all, dims: [batchSize, embedDim] } };
    const ofLoss = await sessions.rank_loss.run({ ...only(given, ['labels', 'uniforms']), ...gathered }, held);
    const { slope, loss, ...told } = ofLoss;
    const rows = (slope!.data as Float32Array).slice(first * embedDim, (first + n) * embedDim);
    const state = { place: (name: string) => this.own?.place(name) ?? held.place(name) };
    const gradients = await this.summed({ ...own, slope: { data: rows, dims: [n, embedDim] } }, state);

    const isGradient = (name: string) => name.endsWith('_gradient');
    const ofParameters = Object.fromEntries(Object.entries(told).filter(([name]) => isGradient(name)));
    const rates = Object.fromEntries(
      Object.entries(given)
        .filter(([name]) => name === 'lr' || name.startsWith('lr_'))
        .map(([name, { data }]) => [name, { data, dims: [1] }]),
    );
    const updated = await sessions.rank_update.run(
      { ...ofParameters, ...rates, ...gradients, loss: loss!, ...(statistics && { statistics }) },
      state,
    );
    const ofStep = Object.fromEntries(Object.entries(told).filter(([name]) => !isGradient(name)));
    return { ...ofStep, ...updated };
  }

  /** Goes back, and adds up what all ranks have found. @returns nothing where the gradient stays on the device, after the first step */
  private async summed(given: PlainTensors, held: Places<unknown>): Promise<PlainTensors> {
    const { sessions, communicator, own } = this;
    const there = own?.vector?.('gradients');
    if (there) {
      const output = (name: string) => (name === 'gradients' ? own!.place(name) : undefined);
      await sessions.rank_back.run(given, { ...held, output });
      await communicator.allReduceOnDevice!(there);
      return {};
    }
    const { gradients } = await sessions.rank_back.run(given, held);
    await communicator.allReduce(gradients!.data as Float32Array);
    await own?.hold({ gradients: gradients! });
    return { gradients: gradients! };
  }
}
