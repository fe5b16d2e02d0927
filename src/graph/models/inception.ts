/**
 * Inception v3 (Szegedy et al. 2016), as torchvision/models/inception.py has it, without the auxiliary classifier. Each
 * module is a table of its branches, in the order of torchvision's state_dict.
 */
import type { Value } from '../builder/builder.js';
import type { ConvOptions, Layers } from '../nn/layers.js';
import type { Init } from '../state/state.js';
import type { Backbone } from './backbone.js';

const init: Init = { kind: 'truncated-normal', std: 0.1, bound: 2 };
const epsilon = 1e-3;

/** Convolution, batch normalization and ReLU: torchvision's BasicConv2d. */
function conv(nn: Layers, name: string, x: Value, options: ConvOptions): Value {
  return nn.scope(name, () => nn.relu(nn.batchNorm2d('bn', nn.conv2d('conv', x, { ...options, init }), epsilon)));
}

type Step = readonly [name: string, options: ConvOptions];
type Branch = readonly Step[];

const chain = (nn: Layers, x: Value, branch: Branch): Value =>
  branch.reduce((y, [name, options]) => conv(nn, name, y, options), x);

const one = (out: number): ConvOptions => ({ out, kernel: 1 });
const three = (out: number): ConvOptions => ({ out, kernel: 3, padding: 1 });
const halve = (out: number): ConvOptions => ({ out, kernel: 3, stride: 2 });
const wide = (out: number, width: 3 | 7): ConvOptions => ({ out, kernel: [1, width], padding: [0, (width - 1) / 2] });
const tall = (out: number, height: 3 | 7): ConvOptions => ({
  out,
  kernel: [height, 1],
  padding: [(height - 1) / 2, 0],
});

type Module = (nn: Layers, x: Value) => Value;

/** Branches side by side, the last on an average pooling. */
const pooled =
  (branches: readonly Branch[], poolFeatures: number): Module =>
  (nn, x) => {
    const ys = branches.map((branch) => chain(nn, x, branch));
    const average = nn.avgPool2d(x, { kernel: 3, stride: 1, padding: 1 });
    return nn.concat([...ys, conv(nn, 'branch_pool', average, one(poolFeatures))]);
  };

/** Branches that halve the size, the last a max pooling. */
const halving =
  (branches: readonly Branch[]): Module =>
  (nn, x) => {
    const ys = branches.map((branch) => chain(nn, x, branch));
    return nn.concat([...ys, nn.maxPool2d(x, { kernel: 3, stride: 2 })]);
  };

const moduleA = (poolFeatures: number) =>
  pooled(
    [
      [['branch1x1', one(64)]],
      [
        ['branch5x5_1', one(48)],
        ['branch5x5_2', { out: 64, kernel: 5, padding: 2 }],
      ],
      [
        ['branch3x3dbl_1', one(64)],
        ['branch3x3dbl_2', three(96)],
        ['branch3x3dbl_3', three(96)],
      ],
    ],
    poolFeatures,
  );

const moduleB = halving([
  [['branch3x3', halve(384)]],
  [
    ['branch3x3dbl_1', one(64)],
    ['branch3x3dbl_2', three(96)],
    ['branch3x3dbl_3', halve(96)],
  ],
]);

const moduleC = (width: number) =>
  pooled(
    [
      [['branch1x1', one(192)]],
      [
        ['branch7x7_1', one(width)],
        ['branch7x7_2', wide(width, 7)],
        ['branch7x7_3', tall(192, 7)],
      ],
      [
        ['branch7x7dbl_1', one(width)],
        ['branch7x7dbl_2', tall(width, 7)],
        ['branch7x7dbl_3', wide(width, 7)],
        ['branch7x7dbl_4', tall(width, 7)],
        ['branch7x7dbl_5', wide(192, 7)],
      ],
    ],
    192,
  );

const moduleD = halving([
  [
    ['branch3x3_1', one(192)],
    ['branch3x3_2', halve(320)],
  ],
  [
    ['branch7x7x3_1', one(192)],
    ['branch7x7x3_2', wide(192, 7)],
    ['branch7x7x3_3', tall(192, 7)],
    ['branch7x7x3_4', halve(192)],
  ],
]);

/** Two branches end in a wide and a tall convolution side by side. */
const moduleE: Module = (nn, x) => {
  const fork = (y: Value, stem: string) =>
    nn.concat([conv(nn, `${stem}a`, y, wide(384, 3)), conv(nn, `${stem}b`, y, tall(384, 3))]);
  const single = conv(nn, 'branch1x1', x, one(320));
  const short = fork(conv(nn, 'branch3x3_1', x, one(384)), 'branch3x3_2');
  const long = chain(nn, x, [
    ['branch3x3dbl_1', one(448)],
    ['branch3x3dbl_2', three(384)],
  ]);
  const forked = fork(long, 'branch3x3dbl_3');
  const average = nn.avgPool2d(x, { kernel: 3, stride: 1, padding: 1 });
  return nn.concat([single, short, forked, conv(nn, 'branch_pool', average, one(192))]);
};

const modules: readonly (readonly [string, Module])[] = [
  ['Mixed_5b', moduleA(32)],
  ['Mixed_5c', moduleA(64)],
  ['Mixed_5d', moduleA(64)],
  ['Mixed_6a', moduleB],
  ['Mixed_6b', moduleC(128)],
  ['Mixed_6c', moduleC(160)],
  ['Mixed_6d', moduleC(160)],
  ['Mixed_6e', moduleC(192)],
  ['Mixed_7a', moduleD],
  ['Mixed_7b', moduleE],
  ['Mixed_7c', moduleE],
];

const pool = { kernel: 3, stride: 2 };

function features(nn: Layers, images: Value, featDim: number): Value {
  let x = conv(nn, 'Conv2d_1a_3x3', images, halve(32));
  x = conv(nn, 'Conv2d_2a_3x3', x, { out: 32, kernel: 3 });
  x = conv(nn, 'Conv2d_2b_3x3', x, three(64));
  x = conv(nn, 'Conv2d_3b_1x1', nn.maxPool2d(x, pool), one(80));
  x = conv(nn, 'Conv2d_4a_3x3', x, { out: 192, kernel: 3 });
  x = nn.maxPool2d(x, pool);
  for (const [name, module] of modules) x = nn.scope(name, () => module(nn, x));
  x = nn.flatten(nn.dropout(nn.adaptiveAvgPool2d(x, 1)));
  return nn.linear('fc', x, { out: featDim, init });
}

export const inceptions = {
  inception_v3: { features, lastLayer: 'fc', imageSize: 299, smallest: 75 },
} satisfies Record<string, Backbone>;
