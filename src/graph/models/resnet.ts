/**
 * ResNet (He et al. 2016), as torchvision/models/resnet.py has it: names, order, and the stride of a bottleneck on its 3x3
 * convolution.
 */
import type { Value } from '../builder/builder.js';
import type { Layers } from '../nn/layers.js';
import type { Backbone } from './backbone.js';

type Block = (nn: Layers, x: Value, width: number, stride: number) => Value;

const conv3x3 = (out: number, stride = 1) => ({ out, kernel: 3, stride, padding: 1 });
const conv1x1 = (out: number, stride = 1) => ({ out, kernel: 1, stride });

function shortcut(nn: Layers, x: Value, out: number, stride: number): Value {
  if (stride === 1 && nn.channels(x) === out) return x;
  return nn.scope('downsample', () => nn.batchNorm2d('1', nn.conv2d('0', x, conv1x1(out, stride))));
}

const basic: Block = (nn, x, width, stride) => {
  let y = nn.relu(nn.batchNorm2d('bn1', nn.conv2d('conv1', x, conv3x3(width, stride))));
  y = nn.batchNorm2d('bn2', nn.conv2d('conv2', y, conv3x3(width)));
  return nn.relu(nn.add(y, shortcut(nn, x, width, stride)));
};

const bottleneck: Block = (nn, x, width, stride) => {
  let y = nn.relu(nn.batchNorm2d('bn1', nn.conv2d('conv1', x, conv1x1(width))));
  y = nn.relu(nn.batchNorm2d('bn2', nn.conv2d('conv2', y, conv3x3(width, stride))));
  y = nn.batchNorm2d('bn3', nn.conv2d('conv3', y, conv1x1(4 * width)));
  return nn.relu(nn.add(y, shortcut(nn, x, 4 * width, stride)));
};

function resnet(block: Block, blocks: readonly [number, number, number, number]): Backbone {
  const features = (nn: Layers, images: Value, featDim: number): Value => {
    let x = nn.conv2d('conv1', images, { out: 64, kernel: 7, stride: 2, padding: 3 });
    x = nn.relu(nn.batchNorm2d('bn1', x));
    x = nn.maxPool2d(x, { kernel: 3, stride: 2, padding: 1 });
    blocks.forEach((count, stage) => {
      for (let i = 0; i < count; i++) {
        const stride = stage > 0 && i === 0 ? 2 : 1;
        x = nn.scope(`layer${stage + 1}.${i}`, () => block(nn, x, 64 << stage, stride));
      }
    });
    return nn.linear('fc', nn.flatten(nn.adaptiveAvgPool2d(x, 1)), { out: featDim });
  };
  return { features, lastLayer: 'fc', imageSize: 224, smallest: 1 };
}

export const resnets = {
  resnet18: resnet(basic, [2, 2, 2, 2]),
  resnet34: resnet(basic, [3, 4, 6, 3]),
  resnet50: resnet(bottleneck, [3, 4, 6, 3]),
  resnet101: resnet(bottleneck, [3, 4, 23, 3]),
  resnet152: resnet(bottleneck, [3, 8, 36, 3]),
};
