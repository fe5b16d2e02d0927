/** Margin loss (Wu et al. 2017, section 4.2) over triplets, with a boundary beta for each class. */
import type { GraphBuilder } from '../builder/builder.js';
import type { Value } from '../onnx/nodes.js';
import { add, div, mul, relu, sqrt, sub } from '../ops/arithmetic.js';
import { sum } from '../ops/reduce.js';
import { gatherRows, reshape } from '../ops/shape.js';
import { anchorRows, indexTensor } from '../samplings/sampling.js';
import type { LossInputs, LossOutputs } from './loss.js';
import { defineLoss } from './loss.js';

/**
 * With d_ap, d_an the distances of anchor to positive and negative and b the anchor's beta: each pair contributes
 * max(0, d_ap - b + margin) and max(0, b - d_an + margin); the loss is (their sum + nu * sum of b over the triplets) divided by the
 * number of contributions above 0. nu regularizes a beta that learns: of one that is kept, nothing is added, as in the authors' program.
 *
 * Where no contribution is above 0, that program divides by 0. Here the loss is 0 then, the regularization included, as in
 * pytorch-metric-learning: nu is a weight beside pairs, and with none there is nothing to weigh. Any other divisor would move beta the
 * further the fewer pairs are wrong, and furthest where nothing is.
 *
 * @returns loss, and `pairs` (int32), the number of contributions above 0
 */
function marginLoss(
  g: GraphBuilder,
  { embeddings, labels, reference, tuples, parameters: { beta } }: LossInputs,
  { margin, nu, learnBeta }: { margin: number; nu: number; learnBeta: boolean },
): LossOutputs {
  if (tuples?.kind !== 'triplets') throw new Error('the margin loss takes triplets');
  const anchorLabels = anchorRows(g, labels, tuples.anchors);
  const rows = anchorRows(g, embeddings, tuples.anchors);
  const [n, d] = rows.shape as [number, number];
  const anchors = reshape(g, rows, [n, 1, d]);
  const positives = indexTensor(g, tuples.positives);
  const draws = positives.shape[1] as number;
  const weighted = (terms: Value): Value =>
    tuples.weights ? mul(g, terms, reshape(g, tuples.weights, [n, draws, 1])) : terms;
  const distanceTo = (indices: Value) => {
    const difference = sub(g, gatherRows(g, reference.embeddings, indices), anchors);
    return sqrt(g, add(g, sum(g, mul(g, difference, difference), [2]), g.scalar(1e-8)));
  };
  const betas = reshape(g, gatherRows(g, beta!, anchorLabels), [n, 1, 1]);
  const m = g.scalar(margin);
  const positiveLoss = weighted(relu(g, add(g, sub(g, distanceTo(positives), betas), m)));
  const negativeLoss = weighted(relu(g, add(g, sub(g, betas, distanceTo(indexTensor(g, tuples.negatives))), m)));

  const active = (terms: Value) => g.op('Cast', [g.op('Greater', [terms, g.scalar(0)])], { to: 'float32' });
  const everything = g.ints([0, 1, 2]);
  const count = g.op('ReduceSum', [g.op('Add', [active(positiveLoss), active(negativeLoss)]), everything], {
    keepdims: 0,
  });
  const contributions = sum(g, add(g, positiveLoss, negativeLoss), [0, 1, 2]);
  const regularization = (): Value => {
    const weight = g.op('Mul', [g.op('Min', [count, g.scalar(1)]), g.scalar(nu * draws)]);
    return mul(g, sum(g, betas, [0, 1, 2]), weight);
  };
  const total = reshape(g, nu > 0 && learnBeta ? add(g, contributions, regularization()) : contributions, []);
  const loss = div(g, total, g.op('Max', [count, g.scalar(1)]));
  return { loss, statistics: { pairs: g.op('Cast', [count], { to: 'int32' }) } };
}

export const margin = defineLoss({
  name: 'margin',
  options: {
    margin: { default: 0.2, min: 0, description: 'margin of the loss' },
    beta: { default: 1.2, above: 0, description: 'initial boundary between positives and negatives' },
    nu: { default: 0, min: 0, description: 'weight of the regularization of beta, where it learns' },
    learnBeta: { default: true, description: 'whether beta learns' },
  },
  create: ({ margin, beta, nu, learnBeta }, { classes }) => ({
    takes: 'triplets',
    parameters: [
      {
        name: 'beta',
        shape: [classes],
        init: { kind: 'constant', value: beta },
        learns: learnBeta,
        learningRate: 0.1,
      },
    ],
    loss: (g, inputs) => marginLoss(g, inputs, { margin, nu, learnBeta }),
  }),
});
