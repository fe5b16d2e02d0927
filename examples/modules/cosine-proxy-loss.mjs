import { adamAverages, defineLoss, div, l2Normalize, reshape } from 'dws/graph';

/**
 * Normalized softmax (Zhai and Wu 2019, near to Proxy-NCA): a proxy for each class, which learns too. The loss is the cross entropy of the
 * classes by the cosines of an embedding and all proxies.
 */
export default defineLoss({
  name: 'cosine-proxy',
  options: { temperature: { default: 0.05, above: 0, description: 'what cosines are divided by' } },
  create: ({ temperature }, { classes, embedDim }) => ({
    takes: 'nothing',
    parameters: [
      {
        name: 'proxies',
        shape: [classes, embedDim],
        init: { kind: 'normal', std: 1 },
        learns: true,
        learningRate: 0.01,
        optimizer: [adamAverages()],
      },
    ],
    loss(g, { embeddings, labels, parameters: { proxies } }) {
      const cosines = g.op('Gemm', [embeddings, l2Normalize(g, proxies)], { transB: 1 }); // [n, classes]
      const logProbabilities = g.op('LogSoftmax', [div(g, cosines, g.scalar(temperature))], { axis: 1 });
      const ofLabels = g.op('GatherElements', [logProbabilities, reshape(g, labels, [-1, 1])], { axis: 1 });
      const loss = g.op('Neg', [g.op('ReduceMean', [ofLabels], { keepdims: 0 })]);

      const guesses = g.op('Cast', [g.op('ArgMax', [cosines], { axis: 1, keepdims: 0 })], { to: 'int32' });
      const hits = g.op('Cast', [g.op('Equal', [guesses, labels])], { to: 'float32' });
      return { loss, statistics: { accuracy: g.op('ReduceMean', [hits], { keepdims: 0 }) } };
    },
  }),
});
