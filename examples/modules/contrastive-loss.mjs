import { add, defineLoss, mul, relu, reshape, sqrt, sub } from 'dws/graph';

/**
 * Contrastive loss (Hadsell, Chopra, LeCun 2006) over all pairs of a batch, around a boundary that learns: images of one class are to be
 * nearer than boundary - margin, others farther than boundary + margin. The square of what is missing counts.
 */
export default defineLoss({
  name: 'contrastive',
  options: {
    boundary: { default: 1, above: 0, description: 'initial distance between pairs of one class and others' },
    margin: { default: 0.2, min: 0, description: 'distance that pairs keep from the boundary' },
  },
  create: ({ boundary: start, margin }, { batchSize, batchK }) => ({
    takes: 'nothing',
    parameters: [
      { name: 'boundary', shape: [], init: { kind: 'constant', value: start }, learns: true, learningRate: 0.01 },
    ],
    loss(g, { embeddings, labels, parameters: { boundary } }) {
      // |a - b|^2 = 2 - 2ab for vectors of length 1. A root has no gradient at 0, where each image is its own pair.
      const products = g.op('Gemm', [embeddings, embeddings], { transB: 1 });
      const distances = sqrt(g, g.op('Max', [sub(g, g.scalar(2), mul(g, products, g.scalar(2))), g.scalar(1e-4)]));

      const isSame = g.op('Equal', [reshape(g, labels, [-1, 1]), reshape(g, labels, [1, -1])]);
      const same = g.op('Cast', [isSame], { to: 'float32' });
      const other = sub(g, g.scalar(1), same);

      const tooFar = mul(g, same, relu(g, sub(g, distances, sub(g, boundary, g.scalar(margin)))));
      const tooNear = mul(g, other, relu(g, sub(g, add(g, boundary, g.scalar(margin)), distances)));
      const mean = (terms, count) => g.op('Div', [g.op('ReduceSumSquare', [terms], { keepdims: 0 }), g.scalar(count)]);
      const pull = mean(tooFar, batchSize * (batchK - 1));
      const push = mean(tooNear, batchSize * (batchSize - batchK));
      return { loss: add(g, pull, push), statistics: { pull, push } };
    },
  }),
});
