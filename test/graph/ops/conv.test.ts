import { describe, expect, it } from 'vitest';
import type { Strategies } from '../../../src/graph/ops/conv-strategies.js';
import { convStrategies } from '../../../src/graph/ops/conv-strategies.js';
import { conv2d } from '../../../src/graph/ops/conv.js';
import type { Pair } from '../../../src/graph/ops/windows.js';
import type { Build } from '../../helpers/graphs.js';
import { evaluate, expectGradients, randomTensor, relativeError, tapeGradients } from '../../helpers/graphs.js';

interface Case {
  name: string;
  /** [in, N, H, W] */
  x: [number, number, number, number];
  /** [out, in, k_h, k_w] */
  w: [number, number, number, number];
  stride: Pair;
  padding: Pair;
}

const cases: Case[] = [
  { name: '3x3', x: [3, 2, 6, 5], w: [4, 3, 3, 3], stride: [1, 1], padding: [1, 1] },
  { name: '3x3 without padding', x: [5, 2, 6, 7], w: [4, 5, 3, 3], stride: [1, 1], padding: [0, 0] },
  { name: '3x3 stride 2, even input', x: [5, 2, 8, 6], w: [4, 5, 3, 3], stride: [2, 2], padding: [1, 1] },
  { name: '3x3 stride 2, odd input', x: [5, 2, 7, 9], w: [4, 5, 3, 3], stride: [2, 2], padding: [1, 1] },
  { name: '7x7 stride 2', x: [3, 2, 12, 11], w: [4, 3, 7, 7], stride: [2, 2], padding: [3, 3] },
  { name: '3x3, too large for the shift matrix', x: [2, 2, 9, 10], w: [3, 2, 3, 3], stride: [1, 1], padding: [1, 1] },
  { name: '11x11 stride 4', x: [3, 2, 31, 31], w: [2, 3, 11, 11], stride: [4, 4], padding: [2, 2] },
  { name: '1x7', x: [5, 2, 4, 9], w: [4, 5, 1, 7], stride: [1, 1], padding: [0, 3] },
  { name: '5x5', x: [5, 2, 7, 7], w: [3, 5, 5, 5], stride: [1, 1], padding: [2, 2] },
  { name: '1x1', x: [5, 2, 4, 3], w: [4, 5, 1, 1], stride: [1, 1], padding: [0, 0] },
  { name: '1x1 stride 2, even input', x: [5, 2, 6, 4], w: [4, 5, 1, 1], stride: [2, 2], padding: [0, 0] },
  { name: '1x1 stride 2, odd input', x: [5, 2, 5, 7], w: [4, 5, 1, 1], stride: [2, 2], padding: [0, 0] },
];

const build =
  ({ stride, padding }: Case, strategies?: Strategies): Build =>
  (g, x, w, b) =>
    conv2d(g, x!, w!, b ?? null, { stride, padding }, 'cpu', strategies);

/** The definition, in float64, on (C, N, H, W). */
function naive(
  { x: [channels, batch, height, width], w: [filters, , kh, kw], stride, padding }: Case,
  x: Float32Array,
  w: Float32Array,
) {
  const [oh, ow] = [
    Math.floor((height + 2 * padding[0] - kh) / stride[0]) + 1,
    Math.floor((width + 2 * padding[1] - kw) / stride[1]) + 1,
  ];
  const y: number[] = [];
  for (let o = 0; o < filters; o++)
    for (let n = 0; n < batch; n++)
      for (let r = 0; r < oh; r++)
        for (let s = 0; s < ow; s++) {
          let total = 0;
          for (let c = 0; c < channels; c++)
            for (let i = 0; i < kh; i++)
              for (let j = 0; j < kw; j++) {
                const [row, column] = [r * stride[0] + i - padding[0], s * stride[1] + j - padding[1]];
                if (row < 0 || row >= height || column < 0 || column >= width) continue;
                const pixel = x[((c * batch + n) * height + row) * width + column]!;
                total += pixel * w[((o * channels + c) * kh + i) * kw + j]!;
              }
          y.push(total);
        }
  return { shape: [filters, batch, oh, ow], data: y };
}

/** Every strategy that can compute a case. */
function strategiesFor({ w, stride, padding, x }: Case): Strategies[] {
  const pointwise = w[2] * w[3] === 1 && !padding[0] && !padding[1];
  const reached = (x[2] + 2 * padding[0] - w[2]) % stride[0] < stride[0];
  const all: Strategies[] = [];
  for (const forward of ['conv', 'stacked', ...(pointwise ? (['pointwise'] as const) : [])] as const)
    for (const input of [
      'convTranspose',
      ...(stride[0] * stride[1] === 1 ? (['turned'] as const) : []),
      ...(pointwise ? (['pointwise'] as const) : []),
    ] as const)
      for (const weight of [
        'im2col',
        ...(reached ? (['swapped'] as const) : []),
        ...(pointwise ? (['pointwise'] as const) : []),
      ] as const)
        for (const gradients of stride[0] * stride[1] === 1 ? (['shared', 'apart'] as const) : (['apart'] as const))
          all.push({ forward, gradients, input, weight });
  // One channel at a time.
  return [...all, { ...all[0]!, gradients: 'apart', weight: 'im2col', largestColumns: 1 }];
}

describe('convolution', () => {
  for (const c of cases) {
    const shapes = [c.x, c.w];
    const tensors = shapes.map((shape, i) => randomTensor(shape, i));

    it(`${c.name}: every strategy computes the definition`, async () => {
      const reference = naive(c, tensors[0]!, tensors[1]!);
      for (const strategies of strategiesFor(c)) {
        const y = await evaluate(build(c, strategies), shapes, tensors);
        expect(y.shape).toEqual(reference.shape);
        expect(relativeError(y.data, reference.data), JSON.stringify(strategies)).toBeLessThan(1e-5);
      }
    });

    it(`${c.name}: every strategy has the same gradients`, async () => {
      const [first, ...others] = strategiesFor(c);
      const reference = await tapeGradients(build(c, first), shapes, tensors);
      for (const strategies of others) {
        const gradients = await tapeGradients(build(c, strategies), shapes, tensors);
        gradients.forEach((gradient, i) =>
          expect(relativeError(gradient, reference[i]!), JSON.stringify(strategies)).toBeLessThan(1e-5),
        );
      }
    });

    it(`${c.name}: gradients equal finite differences`, async () => expectGradients(build(c), shapes, tensors));
  }

  it('gives its bias the sum over each channel', async () =>
    expectGradients(build(cases[0]!), [cases[0]!.x, cases[0]!.w, [4]]));

  it('names both shapes and the place when channels do not fit', () => {
    const wrong = { ...cases[0]!, x: [4, 2, 6, 5] as Case['x'] };
    const attempt = () =>
      evaluate((g, x, w) => g.scope('layer3.2.conv1', () => build(wrong)(g, x!, w!)), [wrong.x, wrong.w], []);
    return expect(attempt()).rejects.toThrow(/Conv.*layer3\.2\.conv1.*\[4, 2, 6, 5\].*\[4, 3, 3, 3\]/);
  });

  it('has a strategy for every provider and kind of shape', () => {
    for (const provider of ['cpu', 'cuda', 'webgpu'] as const) {
      for (const { x, w, stride, padding } of cases) {
        const [channels, batch, ...size] = x;
        const [filters, , ...kernel] = w;
        const shape = { batch, channels, filters, kernel, stride, padding, size, extent: [4, 4] as const };
        const strategies = convStrategies(provider, shape);
        if (stride[0] > 1) expect(strategies.gradients).toBe('apart');
        // Good on the CPU only: elsewhere the zeros between images are work for nothing.
        if (provider !== 'cpu') expect(strategies.forward).not.toBe('stacked');
      }
    }
  });
});
