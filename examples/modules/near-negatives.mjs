import { classMates, defineSampling, everyRow, mul, reshape } from 'dws/graph';

/** Each image with each of its class mates, and for each of them a negative: one of the nearest few, drawn at random. */
export default defineSampling({
  name: 'near-negatives',
  options: { among: { default: 5, min: 1, integer: true, description: 'how many nearest negatives are drawn from' } },
  create: ({ among }) => ({
    kind: 'triplets',
    uniforms: ({ batchSize, batchK }) => [batchSize, batchK - 1],
    sample(g, { embeddings, labels, batchK, uniforms }) {
      const [n] = embeddings.shape;
      if (among > n - batchK) throw new Error(`a batch has ${n - batchK} negatives for --among ${among}`);
      const isSame = g.op('Equal', [reshape(g, labels, [-1, 1]), reshape(g, labels, [1, -1])]);
      const products = g.op('Gemm', [embeddings, embeddings], { transB: 1 });
      const others = g.op('Where', [isSame, g.scalar(-2), products]); // below every product
      const [, nearest] = g.ops('TopK', [others, g.ints([among])], { axis: 1 }, 2); // int64 [n, among]

      // A number below 1 times `among` can round up to it.
      const places = g.op('Min', [g.op('Floor', [mul(g, uniforms, g.scalar(among))]), g.scalar(among - 1)]);
      const drawn = g.op('GatherElements', [nearest, g.op('Cast', [places], { to: 'int64' })], { axis: 1 });
      const negatives = g.op('Cast', [drawn], { to: 'int32' });
      return { kind: 'triplets', anchors: everyRow(n), positives: classMates(n, batchK), negatives };
    },
  }),
});
