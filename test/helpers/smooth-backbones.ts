/** Backbones without kinks: where float16 rounds, a ReLU or a max pooling may take the other side, which is no error of the arithmetic. */
import type { BackboneDefinition } from '../../src/graph/models/backbone.js';
import { defineBackbone } from '../../src/graph/models/backbone.js';
import { findBackbone } from '../../src/graph/models/index.js';
import type { Layers } from '../../src/graph/nn/layers.js';
import { defineSampling } from '../../src/graph/samplings/sampling.js';

/** The layers with Tanh for ReLU, and means for maxima. */
const smooth = (nn: Layers): Layers =>
  new Proxy(nn, {
    get(layers, key: keyof Layers) {
      if (key === 'relu') return (x: Parameters<Layers['relu']>[0]) => layers.elementwise('Tanh', x);
      if (key === 'maxPool2d')
        return (...[x, window]: Parameters<Layers['maxPool2d']>) => layers.avgPool2d(x, { ...window, ceil: false });
      return layers[key];
    },
  });

/** A model of ours, without kinks. */
export function smoothBackbone(model: string): BackboneDefinition {
  const backbone = findBackbone(model);
  return defineBackbone({
    name: `smooth_${model}`,
    options: {},
    create: () => ({
      ...backbone,
      features: (nn, images, featDim) => backbone.features(smooth(nn), images, featDim),
    }),
  });
}

/** What our models don't have: groups, a product of feature maps, pooling to a size, and other functions. */
export const otherLayers = defineBackbone({
  name: 'other_layers',
  options: {},
  create: () => ({
    lastLayer: 'fc',
    imageSize: 64,
    smallest: 4,
    features: (nn, images, featDim) => {
      let x = nn.elementwise(
        'Tanh',
        nn.batchNorm2d('norm', nn.conv2d('wide', images, { out: 16, kernel: 3, padding: 1 })),
      );
      x = nn.elementwise(
        'Sigmoid',
        nn.conv2d('depthwise', x, { out: 16, kernel: 3, padding: 1, groups: 16, bias: true }),
      );
      const squeezed = nn.conv2d('squeeze', nn.adaptiveAvgPool2d(x, 1), { out: 16, kernel: 1, bias: true });
      x = nn.mul(x, nn.elementwise('Softplus', squeezed));
      x = nn.conv2d('grouped', x, { out: 8, kernel: 3, stride: 2, padding: 1, groups: 4 });
      x = nn.elementwise('Log', nn.add(nn.elementwise('Exp', x), nn.elementwise('Exp', nn.add(x, x))));
      return nn.linear('fc', nn.flatten(nn.adaptiveAvgPool2d(x, 2)), { out: featDim });
    },
  }),
});

/** Negatives that do not depend on the embeddings: the images of other classes in turn. */
export const fixedSampling = (batchSize: number, batchK: number) =>
  defineSampling({
    name: 'fixed',
    options: {},
    create: () => ({
      kind: 'triplets',
      sample: () => {
        const all = Array.from({ length: batchSize }, (_, i) => i);
        const first = (i: number) => i - (i % batchK);
        const mates = (i: number) => all.filter((j) => j !== i && first(j) === first(i));
        return {
          kind: 'triplets',
          anchors: all.map((i) => [i]),
          positives: all.map(mates),
          negatives: all.map((i) => mates(i).map((j) => (j + batchK) % batchSize)),
        };
      },
    }),
  });
