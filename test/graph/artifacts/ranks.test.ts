/** The models of ranks, beside the loop of one process that has the whole batch. */
import { describe, expect, it } from 'vitest';
import { initialFeeds, madeUpSteps } from '../../../bench/training.js';
import { buildTrainLoop } from '../../../src/graph/artifacts/artifacts.js';
import type { RankModel } from '../../../src/graph/artifacts/ranks.js';
import { buildRankModel, imagesOfRank } from '../../../src/graph/artifacts/ranks.js';
import type { TrainingOptions } from '../../../src/graph/options.js';
import { Philox } from '../../../src/graph/state/philox.js';
import type { PlainTensor, PlainTensors } from '../../../src/runner/compute/engine.js';
import { relativeError, runPlain } from '../../helpers/graphs.js';

const common: TrainingOptions = {
  ...{ model: 'resnet18', imageSize: 32, batchSize: 16, batchK: 4, classes: 4, featDim: 64, embedDim: 16 },
  ...{ margin: 0.2, nu: 0.01, beta: 1.2, learnBeta: true, normalizeWeights: false, dropout: 0.5, freezeBn: true },
  ...{ backboneLrMult: 1, momentum: 0.9, weightDecay: 1e-4, provider: 'cpu', optimizer: 'sgd' },
};

type Outputs = Record<string, Float32Array>;
type Reorder = (ranks: number[]) => number[];

const vector = (data: Float32Array, dims = [data.length]): PlainTensor => ({ data, dims });
const added = (all: Float32Array[]): Float32Array => all.reduce((a, b) => a.map((value, i) => value + b[i]!));

/** Steps of as many ranks, one after another in this process; the state of the first one. */
async function trainedInRanks(
  options: TrainingOptions,
  ranks: number,
  steps: number,
  reorder: Reorder = (order) => order,
): Promise<{ state: PlainTensors; losses: number[] }> {
  const models = new Map<RankModel, Uint8Array>();
  const run = (model: RankModel, feeds: PlainTensors): Promise<Outputs> => {
    if (!models.has(model)) models.set(model, buildRankModel(model, options, ranks));
    return runPlain(models.get(model)!, feeds);
  };
  const { batchSize, embedDim, imageSize } = options;
  const n = imagesOfRank(options, ranks);
  const each = n * imageSize ** 2 * 3;
  const order = Array.from({ length: ranks }, (_, rank) => rank);
  const all = Object.entries(madeUpSteps(options, steps, new Philox(1, 'sampling')));
  let state = initialFeeds(options);
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    const given = Object.fromEntries(
      all.map(([name, { data, dims }]): [string, PlainTensor] => {
        const size = data.length / steps;
        return [name, { data: data.slice(step * size, (step + 1) * size) as Float32Array, dims: dims.slice(1) }];
      }),
    );
    const rate = (name: string) => given[name]!.data as Float32Array;
    const ofRank = (rank: number) => ({
      images: {
        data: (given['images']!.data as Uint8Array).slice(rank * each, (rank + 1) * each),
        dims: [n, imageSize, imageSize, 3],
      },
      first: { data: Int32Array.of(rank * n), dims: [] },
      ...(given['dropout'] && { dropout: given['dropout'] }),
    });
    const embedded: Outputs[] = [];
    for (const rank of order) embedded.push(await run('rank_embed', { ...state, ...ofRank(rank) }));
    const gathered = new Float32Array(batchSize * embedDim);
    reorder(order).forEach((from, rank) => gathered.set(embedded[from]!['embeddings']!, rank * n * embedDim));
    const loss = await run('rank_loss', { ...given, ...state, embeddings: vector(gathered, [batchSize, embedDim]) });
    const slopes: Float32Array[] = [];
    for (const rank of order) {
      const own = loss['slope']!.slice(rank * n * embedDim, (rank + 1) * n * embedDim);
      const back = await run('rank_back', { ...state, ...ofRank(rank), slope: vector(own, [n, embedDim]) });
      slopes.push(back['gradients']!);
    }
    const { statistics } = embedded[0]!;
    const update = await run('rank_update', {
      ...{ ...state, lr: vector(rate('lr')), lr_beta: vector(rate('lr_beta')) },
      gradients: vector(added(slopes)),
      loss: vector(loss['loss']!, []),
      beta_gradient: vector(loss['beta_gradient']!),
      ...(statistics && { statistics: vector(added(embedded.map((own) => own['statistics']!))) }),
    });
    losses.push(loss['loss']![0]!);
    const next = Object.entries(state).map(([name, { dims }]) => [name, vector(update[`${name}_out`]!, dims)] as const);
    state = Object.fromEntries(next) as PlainTensors;
  }
  return { state, losses };
}

const trained = (options: TrainingOptions, steps: number): Promise<Outputs> =>
  runPlain(buildTrainLoop(options), {
    ...initialFeeds(options),
    ...madeUpSteps(options, steps, new Philox(1, 'sampling')),
  });

describe('a batch divided among ranks', () => {
  it.each([
    ['frozen statistics, 2 ranks', {}, 2, 1e-4],
    ['frozen statistics, 4 ranks, clipped, Adam', { optimizer: 'adam', clipNorm: 1, skipNotFinite: true }, 4, 5e-3],
    ['dropout, of feature maps', { model: 'squeezenet1_1' }, 2, 1e-4],
    ['pieces of a rank’s share', { microBatch: 3 }, 2, 1e-4],
  ] as const)('takes the steps of one process: %s', async (_, more, ranks, bound) => {
    const options: TrainingOptions = { ...common, ...more };
    const [one, many] = [
      await trained({ ...common, ...more, microBatch: undefined }, 2),
      await trainedInRanks(options, ranks, 2),
    ];
    many.losses.forEach((loss, i) => expect(Math.abs(loss - one['losses']![i]!)).toBeLessThan(1e-5));
    for (const [name, { data }] of Object.entries(many.state)) {
      const expected = one[`${name}_out`]!;
      if (expected.length > 0) expect(relativeError(data as Float32Array, expected), name).toBeLessThan(bound);
    }
  });

  it('has batch statistics of each rank, as pieces of its size have', async () => {
    const options: TrainingOptions = { ...common, freezeBn: false };
    const [one, many] = [await trained({ ...options, microBatch: 8 }, 2), await trainedInRanks(options, 2, 2)];
    many.losses.forEach((loss, i) => expect(Math.abs(loss - one['losses']![i]!)).toBeLessThan(1e-5));
    const { data } = many.state['buffers']!;
    expect(relativeError(data as Float32Array, one['buffers_out']!)).toBeLessThan(1e-5);
  });

  it('comes out otherwise where the embeddings are in another order than the ranks', async () => {
    const [one, swapped] = [
      await trained(common, 1),
      await trainedInRanks(common, 2, 1, (order) => order.toReversed()),
    ];
    const { data } = swapped.state['params']!;
    expect(relativeError(data as Float32Array, one['params_out']!)).toBeGreaterThan(1e-4);
  });

  it('is refused where the ranks can’t have equal shares', () => {
    expect(() => buildRankModel('rank_embed', common, 3)).toThrow(
      "a batch of 16 images can't be divided among 3 ranks",
    );
  });
});
