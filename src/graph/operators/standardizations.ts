/** Normalizations by each element's own neighbors: of a layer, an instance, a vector, of neighboring channels. */
import type { OperatorName } from '../onnx/names.js';
import type { Nodes, Value } from '../onnx/nodes.js';
import { fixed } from '../onnx/nodes.js';
import { elementCount, showShape } from '../onnx/types.js';
import { reshaped, unbroadcast, zerosOf } from './broadcasting.js';
import type { Call, GradientRule, Operator, ShapeRule } from './operator.js';
import { axisOf, broadcast, fail, given, input, int, known, unary } from './operator.js';
import { channelVectors } from './normalization.js';

/** A value as float32, in which sums keep their digits. */
const wide = (g: Nodes, x: Value): Value => (x.dtype === 'float32' ? x : g.op('Cast', [x], { to: 'float32' }));
const as = (g: Nodes, x: Value, { dtype }: Value): Value => (x.dtype === dtype ? x : g.op('Cast', [x], { to: dtype }));

interface Standardized {
  /** (x - mean) r, and r = 1 / sqrt(var + eps), both float32. */
  normal: Value;
  r: Value;
}

/** @param known mean and r where the node has given them */
function standardize(
  g: Nodes,
  x: Value,
  axes: readonly number[],
  epsilon: number,
  [knownMean, knownR]: readonly (Value | undefined)[] = [],
): Standardized {
  const mean = (value: Value) => g.op('ReduceMean', [value, g.ints(axes)], { keepdims: 1 });
  const centered = g.op('Sub', [wide(g, x), knownMean ?? mean(wide(g, x))]);
  const variance = () => mean(g.op('Mul', [centered, centered]));
  const r = knownR ?? g.op('Reciprocal', [g.op('Sqrt', [g.op('Add', [variance(), g.scalar(epsilon)])])]);
  return { normal: g.op('Mul', [centered, r]), r };
}

/** With s the gradient of (x - mean) r = n: dx = r (s - mean(s) - n mean(s n)). */
function standardizedSlope(g: Nodes, slopes: Value, { normal, r }: Standardized, axes: readonly number[]): Value {
  const mean = (value: Value) => g.op('ReduceMean', [value, g.ints(axes)], { keepdims: 1 });
  const alongNormal = g.op('Mul', [normal, mean(g.op('Mul', [slopes, normal]))]);
  return g.op('Mul', [r, g.op('Sub', [g.op('Sub', [slopes, mean(slopes)]), alongNormal])]);
}

/** Runs `make` once, when it is first asked for. */
const once = <T>(make: () => T): (() => T) => {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
};

const layerShape: ShapeRule = (inputs, attributes, outputs) => {
  const { dtype, shape } = input(inputs, 0);
  const axis = axisOf(int(attributes, 'axis', -1), shape.length);
  const normalized = shape.slice(axis);
  for (const { shape: other } of given(inputs).slice(1))
    if (showShape(broadcast(normalized, other)) !== showShape(normalized))
      fail(`${showShape(other)} does not broadcast to the axes ${showShape(normalized)} of ${showShape(shape)}`);
  if (int(attributes, 'stash_type', 1) !== 1) fail('stash_type is not 1: statistics are float32');
  const statistic = { dtype: 'float32' as const, shape: shape.map((dim, i) => (i < axis ? dim : 1)) };
  return [{ dtype, shape }, statistic, statistic].slice(0, outputs);
};

/**
 * y = scale n + bias: dscale = dy n and dbias = dy, summed over what they were broadcast to; n's is scale dy. Of the two statistics, each over
 * L elements, the mean adds dmean / L to dx, and r adds -r^2 n dr / L.
 */
const layerGradient: GradientRule = ({ g, x: [x, scale, bias], outputs, dys: [dy, dmean, dr], attributes }) => {
  const axis = axisOf(int(attributes, 'axis', -1), x!.shape.length);
  const axes = x!.shape.map((_, i) => i).slice(axis);
  const share = g.scalar(1 / elementCount(fixed(x!.shape).slice(axis)));
  const epsilon = attributes['epsilon'] as number | undefined;
  const standardized = once(() => standardize(g, x!, axes, epsilon ?? 1e-5, outputs.slice(1)));
  const slopes = once(() => wide(g, dy ?? zerosOf(g, x!.shape, x!.dtype)));
  const dx = () => {
    const ofNormal = dy ? [standardizedSlope(g, g.op('Mul', [slopes(), wide(g, scale!)]), standardized(), axes)] : [];
    const ofMean = dmean ? [g.op('Expand', [g.op('Mul', [dmean, share]), g.ints(fixed(x!.shape))])] : [];
    const bend = (slope: Value) => {
      const { normal, r } = standardized();
      const perElement = g.op('Mul', [g.op('Mul', [slope, g.op('Mul', [r, r])]), share]);
      return g.op('Neg', [g.op('Mul', [normal, perElement])]);
    };
    return [...ofNormal, ...ofMean, ...(dr ? [bend(dr)] : [])].reduce((a, b) => g.op('Add', [a, b]));
  };
  return [
    () => as(g, dx(), x!),
    () => as(g, unbroadcast(g, g.op('Mul', [slopes(), standardized().normal]), scale!.shape), scale!),
    () => as(g, unbroadcast(g, slopes(), bias!.shape), bias!),
  ];
};

/** As of a layer, over the spatial axes, with a scale and a bias for each channel. */
const instanceGradient: GradientRule = ({ g, x: [x, scale], dy, attributes }) => {
  const rank = x!.shape.length;
  const axes = Array.from({ length: rank - 2 }, (_, i) => i + 2);
  const epsilon = attributes['epsilon'] as number | undefined;
  const standardized = once(() => standardize(g, x!, axes, epsilon ?? 1e-5));
  const slopes = once(() => wide(g, dy));
  const column = () => reshaped(g, wide(g, scale!), [fixed(scale!.shape)[0]!, ...axes.map(() => 1)]);
  const perChannel = (value: Value) => as(g, g.op('ReduceSum', [value, g.ints([0, ...axes])], { keepdims: 0 }), scale!);
  return [
    () => as(g, standardizedSlope(g, g.op('Mul', [slopes(), column()]), standardized(), axes), x!),
    () => perChannel(g.op('Mul', [slopes(), standardized().normal])),
    () => perChannel(slopes()),
  ];
};

/** With n the norm: dx = (dy - d sum(dy y)) / n, where d, the norm's own slope, is y for p = 2 and sign(x) for p = 1. */
const lpGradient: GradientRule = ({ g, x: [x], y, dy, attributes }) => [
  () => {
    const axes = g.ints([axisOf(int(attributes, 'axis', -1), x!.shape.length)]);
    const isFirst = int(attributes, 'p', 2) === 1;
    const norm = g.op(isFirst ? 'ReduceL1' : 'ReduceL2', [x!, axes], { keepdims: 1 });
    const along = g.op('ReduceSum', [g.op('Mul', [dy, y]), axes], { keepdims: 1 });
    const slope = isFirst ? g.op('Sign', [x!]) : y;
    return g.op('Div', [g.op('Sub', [dy, g.op('Mul', [slope, along])]), norm]);
  },
];

/** Which channels a channel is divided by, as a matrix [C, C]: `size` of them around it, one more behind than in front. */
function neighbors(g: Nodes, channels: number, size: number): Value {
  const before = Math.floor((size - 1) / 2);
  const isNear = (from: number, to: number) => to - from >= -before && to - from <= size - 1 - before;
  const cells = Array.from({ length: channels ** 2 }, (_, i) =>
    isNear(Math.floor(i / channels), i % channels) ? 1 : 0,
  );
  return g.constant('float32', [channels, channels], cells);
}

/**
 * y = x s^-beta with s = bias + alpha / size sum(x^2) over the neighboring channels:
 * dx = dy s^-beta - 2 alpha beta / size x sum(dy y / s) over the channels that x is a neighbor of.
 */
function lrnSlope({ g, x: [given], dy: slopes, attributes }: Call): Value {
  const {
    alpha = 1e-4,
    beta = 0.75,
    bias = 1,
    size,
  } = attributes as Record<'alpha' | 'beta' | 'bias' | 'size', number>;
  const x = wide(g, given!);
  const [batch, channels, ...spatial] = fixed(x.shape) as [number, number, ...number[]];
  const near = neighbors(g, channels, size);
  const sum = (matrix: Value, value: Value) =>
    reshaped(g, g.op('MatMul', [matrix, reshaped(g, value, [batch, channels, -1])]), [batch, channels, ...spatial]);
  const squares = g.op('Mul', [sum(near, g.op('Mul', [x, x])), g.scalar(alpha / size)]);
  const s = g.op('Add', [squares, g.scalar(bias)]);
  const direct = g.op('Mul', [wide(g, slopes), g.op('Pow', [s, g.scalar(-beta)])]);
  const shares = sum(g.op('Transpose', [near], { perm: [1, 0] }), g.op('Div', [g.op('Mul', [direct, x]), s]));
  const ofOthers = g.op('Mul', [g.op('Mul', [x, shares]), g.scalar((2 * alpha * beta) / size)]);
  return as(g, g.op('Sub', [direct, ofOthers]), given!);
}

export const standardizations = {
  InstanceNormalization: {
    inputs: [3, 3],
    shape: channelVectors,
    attributes: { epsilon: 'float' },
    gradient: instanceGradient,
  },
  LRN: {
    inputs: [1, 1],
    shape: (inputs, attributes, outputs) => {
      if (int(attributes, 'size', 0) < 1) fail('attribute size is missing');
      known(input(inputs, 0).shape[1]);
      return unary(inputs, attributes, outputs);
    },
    attributes: { alpha: 'float', beta: 'float', bias: 'float', size: 'int' },
    gradient: (call) => [() => lrnSlope(call)],
  },
  /** By its mean and deviation, where the node has these outputs; else they are computed once more. */
  LayerNormalization: {
    inputs: [2, 3],
    shape: layerShape,
    attributes: { axis: 'int', epsilon: 'float', stash_type: 'int' },
    gradient: layerGradient,
  },
  LpNormalization: {
    inputs: [1, 1],
    shape: (inputs, attributes, outputs) => {
      axisOf(int(attributes, 'axis', -1), input(inputs, 0).shape.length);
      const p = int(attributes, 'p', 2);
      if (p !== 1 && p !== 2) fail(`p is ${p}; wanted: 1, 2`);
      return unary(inputs, attributes, outputs);
    },
    attributes: { axis: 'int', p: 'int' },
    gradient: lpGradient,
  },
} satisfies Partial<Record<OperatorName, Operator>>;
