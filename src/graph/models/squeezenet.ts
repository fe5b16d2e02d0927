/** SqueezeNet (Iandola et al. 2016), as torchvision/models/squeezenet.py has it: its last layer is a convolution. */
import type { Value } from '../builder/builder.js';
import type { ConvOptions, Layers } from '../nn/layers.js';
import { kaimingUniform, pair } from '../nn/layers.js';
import type { Backbone } from './backbone.js';

function conv(nn: Layers, name: string, x: Value, options: ConvOptions): Value {
  const [kh, kw] = pair(options.kernel);
  const init = kaimingUniform(nn.channels(x) * kh * kw);
  return nn.relu(nn.conv2d(name, x, { init, ...options, bias: true }));
}

function fire(nn: Layers, x: Value, squeeze: number, expand: number): Value {
  const s = conv(nn, 'squeeze', x, { out: squeeze, kernel: 1 });
  const pointwise = conv(nn, 'expand1x1', s, { out: expand, kernel: 1 });
  return nn.concat([pointwise, conv(nn, 'expand3x3', s, { out: expand, kernel: 3, padding: 1 })]);
}

/** A stage: its fire modules (squeeze, expand); a max pooling stands in front of it. */
type Stage = readonly (readonly [number, number])[];

function squeezenet(stem: { out: number; kernel: number }, stages: readonly Stage[], smallest: number): Backbone {
  const features = (nn: Layers, images: Value, featDim: number): Value => {
    let x = nn.scope('features', () => {
      let y = conv(nn, '0', images, { ...stem, stride: 2 });
      let place = 2;
      for (const stage of stages) {
        y = nn.maxPool2d(y, { kernel: 3, stride: 2, ceil: true });
        place++;
        for (const [squeeze, expand] of stage) y = nn.scope(String(place++), () => fire(nn, y, squeeze, expand));
      }
      return y;
    });
    x = conv(nn, 'classifier.1', nn.dropout(x), { out: featDim, kernel: 1, init: { kind: 'normal', std: 0.01 } });
    return nn.flatten(nn.adaptiveAvgPool2d(x, 1));
  };
  return { features, lastLayer: 'classifier.1', imageSize: 224, smallest };
}

const late = [48, 192] as const;
const last = [64, 256] as const;

export const squeezenets = {
  squeezenet1_0: squeezenet(
    { out: 96, kernel: 7 },
    [
      [
        [16, 64],
        [16, 64],
        [32, 128],
      ],
      [[32, 128], late, late, last],
      [last],
    ],
    21,
  ),
  squeezenet1_1: squeezenet(
    { out: 64, kernel: 3 },
    [
      [
        [16, 64],
        [16, 64],
      ],
      [
        [32, 128],
        [32, 128],
      ],
      [late, late, last, last],
    ],
    17,
  ),
};
