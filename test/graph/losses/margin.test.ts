import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { gradients } from '../../../src/graph/builder/gradients.js';
import { GraphBuilder } from '../../../src/graph/builder/builder.js';
import { margin } from '../../../src/graph/losses/margin.js';
import { encodeModel } from '../../../src/graph/onnx/schema.js';
import { classMates, everyRow } from '../../../src/graph/samplings/sampling.js';
import { runModel } from '../../helpers/graphs.js';

/** Two classes of two images on a circle; the negative of each is the first image of the other class. */
const [n, d, classes] = [4, 2, 2];
const labels = [0, 0, 1, 1];
const negatives = [[2], [2], [0], [0]];
/** Distances in a class are .1, between classes about 2: no pair is wrong by a margin of .2 around 1. */
const apart = [0, 0.1, Math.PI, Math.PI + 0.1];
/** All at one place but for .1: each negative pair is wrong. */
const mixed = [0, 0.1, 0.05, 0.15];

async function lossOf(angles: number[], { nu, learnBeta }: { nu: number; learnBeta: boolean }, betas = [1, 1.1]) {
  const g = new GraphBuilder();
  const embeddings = g.watch(g.input('embeddings', 'float32', [n, d]));
  const beta = g.watch(g.input('beta', 'float32', [classes]));
  const tensors = { embeddings, labels: g.constant('int32', [n], labels) };
  const context = { classes, embedDim: d, batchSize: n, batchK: 2 };
  const { loss, statistics } = margin.create({ margin: 0.2, nu, beta: 1, learnBeta }, context).loss(g, {
    ...{ ...tensors, batchK: 2, reference: tensors, parameters: { beta } },
    tuples: { kind: 'triplets', anchors: everyRow(n), positives: classMates(n, 2), negatives },
  });
  const [byEmbeddings, byBeta] = gradients(g, loss, [embeddings, beta]);
  Object.entries({ loss, pairs: statistics['pairs']!, byEmbeddings: byEmbeddings!, byBeta: byBeta! }).forEach(
    ([name, value]) => g.output(name, value),
  );
  const points = Float32Array.from(angles.flatMap((angle) => [Math.cos(angle), Math.sin(angle)]));
  const out = await runModel(encodeModel(g.model('test')), {
    embeddings: new ort.Tensor('float32', points, [n, d]),
    beta: new ort.Tensor('float32', Float32Array.from(betas), [classes]),
  });
  return Object.fromEntries(Object.entries(out).map(([name, { data }]) => [name, Array.from(data as Float32Array)]));
}

describe('nu', () => {
  it('adds its share of the sum of beta, and pulls at each beta, by the pairs that are wrong', async () => {
    const [without, regularized] = [
      await lossOf(mixed, { nu: 0, learnBeta: true }),
      await lossOf(mixed, { nu: 0.1, learnBeta: true }),
    ];
    expect(regularized['pairs']).toEqual([4]);
    expect(regularized['loss']![0]! - without['loss']![0]!).toBeCloseTo((0.1 * (1 + 1 + 1.1 + 1.1)) / 4, 6);
    for (const i of [0, 1]) expect(regularized['byBeta']![i]! - without['byBeta']![i]!).toBeCloseTo((0.1 * 2) / 4, 6);
  });

  it('adds nothing to the loss when beta is kept', async () => {
    const kept = { learnBeta: false };
    expect(await lossOf(mixed, { nu: 0.1, ...kept })).toEqual(await lossOf(mixed, { nu: 0, ...kept }));
  });

  it('leaves beta where it is when no pair is wrong', async () => {
    const out = await lossOf(apart, { nu: 0.1, learnBeta: true });
    expect(out['pairs']).toEqual([0]);
    expect(out['loss']).toEqual([0]);
    expect(out['byBeta']!.map(Math.abs)).toEqual([0, 0]);
    expect(out['byEmbeddings']!.map(Math.abs)).toEqual(Array(n * d).fill(0));
  });
});
