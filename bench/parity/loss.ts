/** loss.json: distance-weighted sampling and margin loss on given embeddings. */
import { gradients } from '../../src/graph/builder/gradients.js';
import { GraphBuilder } from '../../src/graph/builder/builder.js';
import { margin as marginLoss } from '../../src/graph/losses/margin.js';
import { classMates, everyRow } from '../../src/graph/samplings/sampling.js';
import { sampleNegatives, samplingWeights } from '../../src/graph/samplings/distance-weighted.js';
import type { DeviceOptions } from '../../src/runner/options/run-options.js';
import type { Check, Digest } from './golden.js';
import { againstDigest, closeTo, exact, multiple, sym, unit } from './golden.js';
import { Runner } from './session.js';

export interface LossCase {
  seed: number;
  n: number;
  k: number;
  d: number;
  spread: number;
  nu: number;
  margin: number;
  normalize_weights: boolean;
  classes: number;
  labels: number[];
  weights_row0: number[];
  negatives: number[][];
  loss: number;
  pairs: number;
  grad_embeddings: Digest;
  grad_beta: number[];
}

const bound = 1e-4;

/** normalize(base + spread * noise), `base` the same for a class. */
function embeddings({ seed, n, k, d, spread }: LossCase): Float32Array {
  const base = sym((n / k) * d, seed * 100000 + 1);
  const noise = sym(n * d, seed * 100000 + 2);
  const x = noise.map((v, i) => base[Math.floor(i / d / k) * d + (i % d)]! + spread * v);
  const norms = Array.from({ length: n }, (_, row) => Math.hypot(...x.subarray(row * d, (row + 1) * d)));
  return Float32Array.from(x, (v, i) => v / norms[Math.floor(i / d)]!);
}

const relativeL2 = (values: ArrayLike<number>, reference: ArrayLike<number>): number => {
  const norm = (f: (i: number) => number) => Math.hypot(...Array.from({ length: reference.length }, (_, i) => f(i)));
  return (
    norm((i) => values[i]! - reference[i]!) /
    Math.max(
      norm((i) => reference[i]!),
      1e-30,
    )
  );
};

export async function lossParity(golden: LossCase, device: DeviceOptions): Promise<Check[]> {
  const { seed, n, k, d, classes, margin, nu } = golden;
  const g = new GraphBuilder();
  const x = g.watch(g.input('embeddings', 'float32', [n, d]));
  const beta = g.watch(g.input('beta', 'float32', [classes]));
  const labels = g.input('labels', 'int32', [n]);
  const fixed = { embeddings: g.stopGradient(x), labels };
  const weights = samplingWeights(g, { ...fixed, batchK: k, reference: fixed }, golden.normalize_weights);
  const negatives = sampleNegatives(g, weights, g.input('uniforms', 'float32', [n, k - 1]));
  const context = { classes, embedDim: d, batchSize: n, batchK: k };
  const { loss, statistics } = marginLoss.create({ margin, nu, beta: 1.2, learnBeta: true }, context).loss(g, {
    ...{ embeddings: x, labels, batchK: k, reference: { embeddings: x, labels }, parameters: { beta } },
    tuples: { kind: 'triplets', anchors: everyRow(n), positives: classMates(n, k), negatives },
  });
  const [gradX, gradBeta] = gradients(g, loss, [x, beta]);
  Object.entries({ weights, negatives, loss, ...statistics, gradX: gradX!, gradBeta: gradBeta! }).forEach(
    ([name, value]) => g.output(name, value),
  );
  const runner = await Runner.open(g, device);
  const out = await runner.run({
    embeddings: embeddings(golden),
    beta: Float32Array.from(sym(classes, seed * 100000 + 3), (v) => 1.2 + 0.2 * v),
    labels: Int32Array.from(golden.labels),
    uniforms: Float32Array.from(unit(n * (k - 1), seed * 100000 + 4)),
  });
  await runner.close();

  const row = out['weights']!.subarray(0, n);
  const total = row.reduce((a, b) => a + b, 0);
  const what = `case ${seed}`;
  return [
    exact('negatives', what, golden.negatives.flat().join() === out['negatives']!.join()),
    exact('pairs', what, golden.pairs === out['pairs']![0]),
    {
      group: 'weights',
      what,
      ratio: multiple(
        relativeL2(
          row.map((w) => w / total),
          golden.weights_row0,
        ),
        bound,
      ),
    },
    closeTo('loss', what, out['loss']![0]!, golden.loss, bound),
    againstDigest('gradient of embeddings', what, out['gradX']!, golden.grad_embeddings, {
      norm: bound,
      element: 10 * bound,
    }),
    { group: 'gradient of beta', what, ratio: multiple(relativeL2(out['gradBeta']!, golden.grad_beta), bound) },
  ];
}
