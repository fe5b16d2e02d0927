import { describe, expect, it } from 'vitest';
import type { Strategies } from '../../../src/graph/lowerings/conv-strategies.js';
import { convStrategies } from '../../../src/graph/lowerings/conv-strategies.js';
import { conv2d } from '../../../src/graph/ops/conv.js';
import type { Value } from '../../../src/graph/onnx/nodes.js';
import type { Pair } from '../../../src/graph/lowerings/windows.js';
import type { Build } from '../../helpers/graphs.js';
import { evaluate, expectGradients, randomTensor, relativeError, tapeGradients } from '../../helpers/graphs.js';

interface Case {
  name: string;
  /** [in, N, H, W] */
  x: [number, number, number, number];
  /** [out, in / groups, k_h, k_w] */
  w: [number, number, number, number];
  stride: Pair;
  padding: Pair;
  /** Padding behind, where it is not that in front. */
  behind?: Pair;
  dilation?: Pair;
  groups?: number;
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
  { name: '2 groups', x: [4, 2, 6, 5], w: [6, 2, 3, 3], stride: [1, 1], padding: [1, 1], groups: 2 },
  { name: '2 groups, stride 2', x: [6, 2, 6, 7], w: [4, 3, 3, 3], stride: [2, 2], padding: [1, 1], groups: 2 },
  { name: '1x1 in 2 groups', x: [4, 2, 3, 4], w: [6, 2, 1, 1], stride: [1, 1], padding: [0, 0], groups: 2 },
  { name: 'depthwise', x: [5, 2, 6, 5], w: [5, 1, 3, 3], stride: [1, 1], padding: [1, 1], groups: 5 },
  {
    ...{ name: 'depthwise, 3 filters a channel, stride 2', x: [4, 2, 9, 10], w: [12, 1, 3, 3] },
    ...{ stride: [2, 2], padding: [1, 1], groups: 4 },
  },
  { name: 'dilation 2', x: [5, 2, 7, 8], w: [4, 5, 3, 3], stride: [1, 1], padding: [2, 2], dilation: [2, 2] },
  {
    ...{ name: 'dilation 2 of one axis, stride 2', x: [3, 2, 9, 8], w: [4, 3, 3, 3] },
    ...{ stride: [2, 2], padding: [1, 0], dilation: [1, 2] },
  },
  {
    ...{ name: '2 groups, dilation 2', x: [4, 2, 9, 9], w: [4, 2, 3, 2] },
    ...{ stride: [1, 2], padding: [2, 1], dilation: [2, 2], groups: 2 },
  },
  { name: 'padding wider than the kernel', x: [5, 2, 3, 2], w: [6, 5, 1, 2], stride: [1, 1], padding: [1, 2] },
];

/** By ONNX's own operator only: conv2d pads both sides alike. */
const asymmetric: Case[] = [
  { name: 'padding behind only', x: [3, 2, 5, 6], w: [4, 3, 3, 3], stride: [1, 1], padding: [0, 0], behind: [2, 1] },
  { name: 'stride 2', x: [5, 2, 8, 6], w: [4, 5, 3, 3], stride: [2, 2], padding: [0, 1], behind: [1, 0] },
  {
    ...{ name: 'more filters than channels', x: [5, 2, 9, 8], w: [7, 5, 3, 2] },
    ...{ stride: [1, 1], padding: [2, 0], behind: [0, 1] },
  },
  {
    ...{ name: '2 groups, dilation 2', x: [6, 2, 7, 7], w: [4, 3, 3, 3] },
    ...{ stride: [1, 2], padding: [1, 2], behind: [2, 0], dilation: [2, 1], groups: 2 },
  },
];

const build =
  ({ stride, padding, dilation, groups }: Case, strategies?: Strategies): Build =>
  (g, x, w, b) =>
    conv2d(g, x!, w!, b ?? null, { stride, padding, dilation, groups }, 'cpu', strategies);

/** ONNX's Conv and its row of the operators' table, between two swaps of batch and channels. */
const raw =
  ({ stride, padding, behind = padding, dilation = [1, 1], groups = 1 }: Case): Build =>
  (g, x, w, b) => {
    const swap = (v: Value) => g.op('Transpose', [v], { perm: [1, 0, 2, 3] });
    const attributes = { strides: stride, pads: [...padding, ...behind], dilations: dilation, group: groups };
    return swap(g.op('Conv', b ? [swap(x!), w!, b] : [swap(x!), w!], attributes));
  };

/** The definition, in float64, on (C, N, H, W). */
function naive(
  { x: [, batch, height, width], w: [filters, perGroup, kh, kw], ...rest }: Case,
  x: Float32Array,
  w: Float32Array,
) {
  const { stride, padding, behind = padding, dilation = [1, 1], groups = 1 } = rest;
  const extent = (size: number, kernel: number, axis: 0 | 1) =>
    Math.floor((size + padding[axis] + behind[axis] - (kernel - 1) * dilation[axis] - 1) / stride[axis]) + 1;
  const [oh, ow] = [extent(height, kh, 0), extent(width, kw, 1)];
  const y: number[] = [];
  for (let o = 0; o < filters; o++)
    for (let n = 0; n < batch; n++)
      for (let r = 0; r < oh; r++)
        for (let s = 0; s < ow; s++) {
          let total = 0;
          const first = Math.floor(o / (filters / groups)) * perGroup;
          for (let c = 0; c < perGroup; c++)
            for (let i = 0; i < kh; i++)
              for (let j = 0; j < kw; j++) {
                const row = r * stride[0] + i * dilation[0] - padding[0];
                const column = s * stride[1] + j * dilation[1] - padding[1];
                if (row < 0 || row >= height || column < 0 || column >= width) continue;
                const pixel = x[(((first + c) * batch + n) * height + row) * width + column]!;
                total += pixel * w[((o * perGroup + c) * kh + i) * kw + j]!;
              }
          y.push(total);
        }
  return { shape: [filters, batch, oh, ow], data: y };
}

/** Every strategy that can compute a case. */
function strategiesFor({ w, stride, padding, dilation = [1, 1], groups = 1 }: Case): Strategies[] {
  const isOne = groups === 1;
  const isPointwise = isOne && w[2] * w[3] === 1 && !padding[0] && !padding[1];
  const isUnit = [...stride, ...dilation].every((step) => step === 1);
  const isWide = [0, 1].some((i) => padding[i]! > (w[i + 2]! - 1) * dilation[i]!);
  const only = <T>(holds: boolean, ...names: T[]): T[] => (holds ? names : []);
  const forwards = ['conv' as const, ...only(!isWide, 'stacked' as const), ...only(isPointwise, 'pointwise' as const)];
  const inputs = ['convTranspose' as const, 'turned' as const, ...only(isPointwise, 'pointwise' as const)];
  const weights = [
    'grouped' as const,
    ...only(isOne, 'im2col' as const, 'swapped' as const),
    ...only(isPointwise, 'pointwise' as const),
  ];
  const ways = ['apart' as const, ...only(isOne && isUnit, 'shared' as const)];
  const all = forwards.flatMap((forward) =>
    inputs.flatMap((input) =>
      weights.flatMap((weight) => ways.map((gradients): Strategies => ({ forward, gradients, input, weight }))),
    ),
  );
  // One channel, or one group, at a time.
  const piecewise = weights.filter((weight) => weight === 'im2col' || weight === 'grouped');
  return [...all, ...piecewise.map((weight): Strategies => ({ ...all[0]!, weight, largestColumns: 1 }))];
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

    it(`${c.name}: every strategy has the same gradients, on every provider`, async () => {
      const [first, ...others] = strategiesFor(c);
      const reference = await tapeGradients(build(c, first), shapes, tensors);
      const trials = [
        ...others.map((one) => [one, 'cpu'] as const),
        ...strategiesFor(c).map((one) => [one, 'cuda'] as const),
      ];
      for (const [strategies, provider] of trials) {
        const gradients = await tapeGradients(build(c, strategies), shapes, tensors, provider);
        gradients.forEach((gradient, i) =>
          expect(relativeError(gradient, reference[i]!), `${provider}: ${JSON.stringify(strategies)}`).toBeLessThan(
            1e-5,
          ),
        );
      }
    });

    it(`${c.name}: gradients equal finite differences`, async () => expectGradients(build(c), shapes, tensors));

    it(`${c.name}: the operator itself has the same output and gradients`, async () => {
      const reference = naive(c, tensors[0]!, tensors[1]!);
      const y = await evaluate(raw(c), shapes, tensors);
      expect(y.shape).toEqual(reference.shape);
      expect(relativeError(y.data, reference.data)).toBeLessThan(1e-5);
      const [wanted, found] = [
        await tapeGradients(build(c), shapes, tensors),
        await tapeGradients(raw(c), shapes, tensors),
      ];
      found.forEach((gradient, i) => expect(relativeError(gradient, wanted[i]!)).toBeLessThan(1e-5));
    });
  }

  for (const c of asymmetric) {
    it(`padded differently in front and behind, ${c.name}: the definition and its gradients`, async () => {
      const shapes = [c.x, c.w, [c.w[0]]];
      const tensors = shapes.map((shape, i) => randomTensor(shape, i));
      const reference = naive(c, tensors[0]!, tensors[1]!);
      const y = await evaluate(raw(c), shapes.slice(0, 2), tensors.slice(0, 2));
      expect(y.shape).toEqual(reference.shape);
      expect(relativeError(y.data, reference.data)).toBeLessThan(1e-5);
      await expectGradients(raw(c), shapes, tensors);
    });
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
        const geometry = { kernel, stride, padding, behind: padding, dilation: [1, 1], size, extent: [4, 4] } as const;
        const shape = { batch, channels, filters, groups: 1, ...geometry };
        const strategies = convStrategies(provider, shape);
        if (stride[0] > 1) expect(strategies.gradients).toBe('apart');
        // Good on the CPU only: elsewhere the zeros between images are work for nothing.
        if (provider !== 'cpu') expect(strategies.forward).not.toBe('stacked');
      }
    }
  });
});
