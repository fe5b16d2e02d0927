/** AlexNet (Krizhevsky 2014, "One weird trick"), as torchvision/models/alexnet.py has it: PyTorch's default initialization. */
import type { Value } from '../builder/builder.js';
import type { Layers } from '../nn/layers.js';
import { defaultUniform, pair } from '../nn/layers.js';
import type { Backbone } from './backbone.js';

const pool = { kernel: 3, stride: 2 };

function conv(
  nn: Layers,
  name: string,
  x: Value,
  shape: { out: number; kernel: number; stride?: number; padding: number },
) {
  const [kh, kw] = pair(shape.kernel);
  const init = defaultUniform(nn.channels(x) * kh * kw);
  return nn.relu(nn.conv2d(name, x, { ...shape, bias: true, init, biasInit: init }));
}

function features(nn: Layers, images: Value, featDim: number): Value {
  let x = images;
  nn.scope('features', () => {
    x = nn.maxPool2d(conv(nn, '0', x, { out: 64, kernel: 11, stride: 4, padding: 2 }), pool);
    x = nn.maxPool2d(conv(nn, '3', x, { out: 192, kernel: 5, padding: 2 }), pool);
    x = conv(nn, '6', x, { out: 384, kernel: 3, padding: 1 });
    x = conv(nn, '8', x, { out: 256, kernel: 3, padding: 1 });
    x = nn.maxPool2d(conv(nn, '10', x, { out: 256, kernel: 3, padding: 1 }), pool);
  });
  x = nn.flatten(nn.adaptiveAvgPool2d(x, 6));
  return nn.scope('classifier', () => {
    x = nn.relu(nn.linear('1', nn.dropout(x), { out: 4096 }));
    x = nn.relu(nn.linear('4', nn.dropout(x), { out: 4096 }));
    return nn.linear('6', x, { out: featDim });
  });
}

export const alexnets = {
  alexnet: { features, lastLayer: 'classifier.6', imageSize: 224, smallest: 63 },
} satisfies Record<string, Backbone>;
