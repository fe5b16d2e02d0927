/** Modules for the tests, as text: small, and each with something that a training has to keep. */

/** A loss that takes no tuples, with a scalar and a vector parameter, the latter with an optimizer of its own. */
export const ownLoss = `import { adam, defineLoss } from 'dws/graph';

export default defineLoss({
  name: 'pull-push',
  options: {
    start: { default: 1, above: 0, max: 4, description: 'initial boundary' },
    sharp: { default: false, description: 'squares what is pushed' },
    shape: { default: 'flat', oneOf: ['flat', 'steep'], description: 'form of the push' },
  },
  create: ({ start, sharp, shape }, { embedDim }) => ({
    takes: 'nothing',
    parameters: [
      { name: 'edge', shape: [], init: { kind: 'constant', value: start }, learns: true, learningRate: 0.01 },
      {
        name: 'axis_scale',
        shape: [embedDim],
        init: { kind: 'normal', std: 0.5 },
        learns: true,
        learningRate: 0.003,
        optimizer: adam.create({}, { momentum: 0.9, weightDecay: 0 }),
      },
    ],
    loss(g, { embeddings, labels, parameters: { edge, axis_scale: scale } }) {
      const n = embeddings.shape[0];
      const scaled = g.op('Mul', [embeddings, g.op('Exp', [scale])]);
      const products = g.op('Gemm', [scaled, scaled], { transB: 1 });
      const column = g.op('Reshape', [labels, g.ints([n, 1])]);
      const row = g.op('Reshape', [labels, g.ints([1, n])]);
      const same = g.op('Cast', [g.op('Equal', [column, row])], { to: 'float32' });
      const other = g.op('Sub', [g.scalar(1), same]);
      const pull = g.op('ReduceMean', [g.op('Mul', [same, g.op('Sub', [edge, products])])], { keepdims: 0 });
      const near = g.op('Relu', [g.op('Add', [products, edge])]);
      const pushed = sharp || shape === 'steep' ? g.op('Mul', [near, near]) : near;
      const push = g.op('ReduceMean', [g.op('Mul', [other, pushed])], { keepdims: 0 });
      return { loss: g.op('Add', [g.op('Mul', [pull, pull]), push]), statistics: { pull, push } };
    },
  }),
});
`;

/** Triplets by uniform random numbers of a shape of its own. */
export const ownSampling = `import { classMates, defineSampling, everyRow } from 'dws/graph';

export default defineSampling({
  name: 'any-other',
  options: { draws: { default: 3, min: 1, integer: true, description: 'negatives of each anchor' } },
  create: ({ draws }) => ({
    kind: 'triplets',
    uniforms: ({ batchSize }) => [draws, batchSize],
    sample(g, { embeddings, batchK, uniforms }) {
      const n = embeddings.shape[0];
      const others = n - batchK;
      const offsets = g.op('Floor', [g.op('Mul', [uniforms, g.scalar(others)])]);
      const after = Array.from({ length: n }, (_, i) => i - (i % batchK) + batchK);
      const at = g.op('Add', [offsets, g.constant('float32', [1, n], after)]);
      const rounds = g.op('Floor', [g.op('Div', [at, g.scalar(n)])]);
      const whole = g.op('Cast', [g.op('Sub', [at, g.op('Mul', [rounds, g.scalar(n)])])], { to: 'int32' });
      const negatives = g.op('Transpose', [whole], { perm: [1, 0] });
      const positives = classMates(n, batchK).map((mates) => Array.from({ length: draws }, (_, i) => mates[i % mates.length]));
      return { kind: 'triplets', anchors: everyRow(n), positives, negatives };
    },
  }),
});
`;

/** Momentum that fades in: a vector, and a scalar that counts. */
export const ownOptimizer = `import { defineOptimizer } from 'dws/graph';

export default defineOptimizer({
  name: 'fading',
  options: { rate: { default: 0.5, min: 0, below: 1, description: 'how fast it fades in' } },
  create: ({ rate }) => [
    {
      vectors: ['drift'],
      scalars: { share: [] },
      begin: (g, { state: { drift, share } }) => {
        const kept = g.op('Mul', [drift, g.scalar(0.8)]);
        const next = g.op('Add', [g.op('Mul', [share, g.scalar(rate)]), g.scalar(1 - rate)]);
        return (step) => {
          const moved = g.op('Add', [kept, g.op('Mul', [step.direction, next])]);
          return { ...step, direction: moved, state: { drift: moved, share: next } };
        };
      },
    },
  ],
});
`;

/** The smallest backbone with running statistics; \`width.mjs\` beside it says how wide it is. */
export const ownBackbone = `import { defineBackbone } from 'dws/graph';
import { width } from './width.mjs';

export default defineBackbone({
  name: 'tiny',
  options: { deep: { default: 1, min: 1, max: 3, integer: true, description: 'convolutions' } },
  create: ({ deep }) => ({
    lastLayer: 'fc',
    imageSize: 32,
    smallest: 8,
    features(nn, images, featDim) {
      let x = images;
      for (let i = 0; i < deep; i++) {
        x = nn.conv2d(\`conv\${i}\`, x, { out: width, kernel: 3, stride: 2, padding: 1 });
        x = nn.relu(nn.batchNorm2d(\`bn\${i}\`, x));
      }
      return nn.linear('fc', nn.flatten(nn.adaptiveAvgPool2d(x, 1)), { out: featDim });
    },
  }),
});
`;

export const width = 'export const width = 8;\n';

/** By file name. */
export const moduleFiles: Record<string, string> = {
  'loss.mjs': ownLoss,
  'sampling.mjs': ownSampling,
  'optimizer.mjs': ownOptimizer,
  'backbone.mjs': ownBackbone,
  'width.mjs': width,
};
