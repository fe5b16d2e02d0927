/** VGG (Simonyan and Zisserman 2015), as torchvision/models/vgg.py has it; layers are named by their place in the sequence. */
import type { Value } from '../builder/builder.js';
import type { Layers } from '../nn/layers.js';
import { zeros } from '../nn/layers.js';
import type { Init } from '../state/state.js';
import type { Backbone } from './backbone.js';

/** Convolutions of each of the five stages; each stage ends with a max pooling. */
type Depths = readonly [number, number, number, number, number];
const widths = [64, 128, 256, 512, 512];

const linearInit: { init: Init; biasInit: Init } = { init: { kind: 'normal', std: 0.01 }, biasInit: zeros };

function vgg(depths: Depths, batchNorm: boolean): Backbone {
  const features = (nn: Layers, images: Value, featDim: number): Value => {
    let x = images;
    nn.scope('features', () => {
      let place = 0;
      depths.forEach((depth, stage) => {
        for (let i = 0; i < depth; i++) {
          x = nn.conv2d(String(place++), x, { out: widths[stage]!, kernel: 3, padding: 1, bias: true });
          if (batchNorm) x = nn.batchNorm2d(String(place++), x);
          x = nn.relu(x);
          place++;
        }
        x = nn.maxPool2d(x, { kernel: 2, stride: 2 });
        place++;
      });
    });
    x = nn.flatten(nn.adaptiveAvgPool2d(x, 7));
    return nn.scope('classifier', () => {
      x = nn.dropout(nn.relu(nn.linear('0', x, { out: 4096, ...linearInit })));
      x = nn.dropout(nn.relu(nn.linear('3', x, { out: 4096, ...linearInit })));
      return nn.linear('6', x, { out: featDim, ...linearInit });
    });
  };
  return { features, lastLayer: 'classifier.6', imageSize: 224, smallest: 32 };
}

const depths = {
  vgg11: [1, 1, 2, 2, 2],
  vgg13: [2, 2, 2, 2, 2],
  vgg16: [2, 2, 3, 3, 3],
  vgg19: [2, 2, 4, 4, 4],
} as const satisfies Record<string, Depths>;

export const vggs: Record<string, Backbone> = Object.fromEntries(
  Object.entries(depths).flatMap(([name, stages]) => [
    [name, vgg(stages, false)],
    [`${name}_bn`, vgg(stages, true)],
  ]),
);
