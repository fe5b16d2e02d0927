/** DenseNet-BC (Huang et al. 2017), as torchvision/models/densenet.py has it. */
import type { Value } from '../builder/builder.js';
import type { ConvOptions, Layers } from '../nn/layers.js';
import { kaimingNormalIn, pair, zeros } from '../nn/layers.js';
import type { Backbone } from './backbone.js';

/** Width of a layer's bottleneck, in growth rates. */
const bottleneck = 4;

function conv(nn: Layers, name: string, x: Value, options: ConvOptions): Value {
  const [kh, kw] = pair(options.kernel);
  return nn.conv2d(name, x, { ...options, init: kaimingNormalIn(nn.channels(x) * kh * kw) });
}

/** What a layer adds to the features in front of it. */
function denseLayer(nn: Layers, x: Value, growth: number): Value {
  const y = conv(nn, 'conv1', nn.relu(nn.batchNorm2d('norm1', x)), { out: bottleneck * growth, kernel: 1 });
  return conv(nn, 'conv2', nn.relu(nn.batchNorm2d('norm2', y)), { out: growth, kernel: 3, padding: 1 });
}

function transition(nn: Layers, x: Value): Value {
  const y = conv(nn, 'conv', nn.relu(nn.batchNorm2d('norm', x)), { out: Math.floor(nn.channels(x) / 2), kernel: 1 });
  return nn.avgPool2d(y, { kernel: 2, stride: 2 });
}

function densenet(growth: number, stem: number, blocks: readonly [number, number, number, number]): Backbone {
  const features = (nn: Layers, images: Value, featDim: number): Value => {
    let x = nn.scope('features', () => {
      let y = nn.relu(
        nn.batchNorm2d('norm0', conv(nn, 'conv0', images, { out: stem, kernel: 7, stride: 2, padding: 3 })),
      );
      y = nn.maxPool2d(y, { kernel: 3, stride: 2, padding: 1 });
      blocks.forEach((layers, block) => {
        for (let i = 1; i <= layers; i++) {
          const added = nn.scope(`denseblock${block + 1}.denselayer${i}`, () => denseLayer(nn, y, growth));
          y = nn.concat([y, added]);
        }
        if (block < blocks.length - 1) y = nn.scope(`transition${block + 1}`, () => transition(nn, y));
      });
      return nn.relu(nn.batchNorm2d('norm5', y));
    });
    x = nn.flatten(nn.adaptiveAvgPool2d(x, 1));
    return nn.linear('classifier', x, { out: featDim, biasInit: zeros });
  };
  return { features, lastLayer: 'classifier', imageSize: 224, smallest: 29 };
}

export const densenets = {
  densenet121: densenet(32, 64, [6, 12, 24, 16]),
  densenet161: densenet(48, 96, [6, 12, 36, 24]),
  densenet169: densenet(32, 64, [6, 12, 32, 32]),
  densenet201: densenet(32, 64, [6, 12, 48, 32]),
};
