import { expect, it } from 'vitest';
import { smoothCosine } from '../../bench/precision/gradients.js';

// SqueezeNet and ResNet are in test/graph/step/halves.test.ts; these have tens of millions of parameters, or many layers.
it.each([
  ['alexnet', 64],
  ['vgg11', 32],
  ['densenet121', 32],
  ['inception_v3', 75],
])(
  "mixed precision has float32's gradients where a network has no kinks, cosine .999: %s",
  async (model, imageSize) => {
    expect(await smoothCosine(model, imageSize)).toBeGreaterThan(0.999);
  },
);
