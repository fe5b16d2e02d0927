/** Reductions over axes, and functions of whole rows. */
import type { OperatorName } from '../onnx/names.js';
import type { Nodes, Value } from '../onnx/nodes.js';
import { fixed } from '../onnx/nodes.js';
import type { Shape } from '../onnx/types.js';
import { countUp, reshaped } from './broadcasting.js';
import type { Call, Gradient, Operator, OperatorInput, ShapeRule } from './operator.js';
import { axesOf, axisOf, discrete, fail, input, int, known, unary } from './operator.js';

/** The axes that a reduction sums over: all unless some are given, or none is asked for. */
function reducedAxes({ shape }: { shape: Shape }, axes: OperatorInput | null | undefined, isNone: boolean): number[] {
  const given = axes ? (axes.data ?? fail('axes must be constant')) : [];
  if (given.length) return axesOf(given, shape.length);
  return isNone ? [] : shape.map((_, i) => i);
}

const reduce: ShapeRule = (inputs, attributes) => {
  const { dtype, shape } = input(inputs, 0);
  const axes = reducedAxes({ shape }, inputs[1], !!attributes['noop_with_empty_axes']);
  const kept = shape.map((dim, i) => (axes.includes(i) ? 1 : dim));
  return [{ dtype, shape: int(attributes, 'keepdims', 1) ? kept : kept.filter((_, i) => !axes.includes(i)) }];
};

interface Reduced extends Call {
  input: Value;
  /** Those that are summed over, from the front. */
  axes: number[];
  /** Elements behind one of y. */
  count: () => number;
  /** A value of y's shape with the axes that were reduced as dimensions of 1. */
  keep: (value: Value) => Value;
}

const expanded = (g: Nodes, x: Value, { shape }: Value): Value => g.op('Expand', [x, g.ints(fixed(shape))]);

/** `slope` writes the gradient of the input. */
const row = (slope: (call: Reduced) => Value): Operator => ({
  inputs: [1, 2],
  shape: reduce,
  attributes: { keepdims: 'int', noop_with_empty_axes: 'int' },
  gradient: (call) => {
    const whole = call.x[0]!;
    const axes = reducedAxes(whole, call.x[1], !!call.attributes['noop_with_empty_axes']);
    const kept = whole.shape.map((dim, i) => (axes.includes(i) ? 1 : dim));
    const keep = (value: Value): Value => (value.shape.length === kept.length ? value : reshaped(call.g, value, kept));
    const count = () => axes.reduce((n, axis) => n * known(whole.shape[axis]), 1);
    return [() => slope({ ...call, input: whole, axes, keep, count }), null];
  },
});

/** Elements that equal the extreme share its gradient evenly, as in PyTorch's `amax`. */
export function shareEvenly(
  g: Nodes,
  x: Value,
  y: Value,
  dy: () => Value,
  axes?: Value | null,
  isNone?: number,
): Value {
  const equal = g.op('Cast', [g.op('Equal', [x, y])], { to: y.dtype });
  const ties = g.op('ReduceSum', axes ? [equal, axes] : [equal], { keepdims: 1, noop_with_empty_axes: isNone });
  return g.op('Mul', [equal, g.op('Div', [dy(), ties])]);
}

const shared = ({ g, input: x, y, dy, keep, x: [, axes], attributes }: Reduced): Value =>
  shareEvenly(g, x, keep(y), () => keep(dy), axes, attributes['noop_with_empty_axes'] as number | undefined);

/** Elements of a product by which the matrix of each but one would be too large. */
const longestProduct = 4096;

/**
 * The product of all others than each element, which is right where elements are 0: rows of n elements as matrices [n, n] with ones on
 * their diagonals.
 */
function productOfOthers({ g, input: x, axes, count }: Reduced): Value {
  const shape = fixed(x.shape);
  const n = count();
  if (n > longestProduct) fail(`no rule for products of ${n} elements; only for up to ${longestProduct}`);
  const rest = shape.flatMap((_, i) => (axes.includes(i) ? [] : [i]));
  const perm = [...rest, ...axes];
  const moved = g.op('Transpose', [x], { perm });
  const rows = g.op('Reshape', [moved, g.ints([-1, 1, n])]);
  const isOwn = g.op('Equal', [countUp(g, [n, 1], 'int64'), countUp(g, [n], 'int64')]);
  const others = g.op('ReduceProd', [g.op('Where', [isOwn, g.scalar(1, x.dtype), rows]), g.ints([2])], { keepdims: 0 });
  const back = g.op('Reshape', [others, g.ints(perm.map((axis) => shape[axis]!))]);
  return g.op('Transpose', [back], { perm: perm.map((_, axis) => perm.indexOf(axis)) });
}

/** A function of the rows along one axis, which is the last unless given. */
const alongAxis = (gradient: Gradient): Operator => ({
  inputs: [1, 1],
  shape: (inputs, attributes) => {
    axisOf(int(attributes, 'axis', -1), input(inputs, 0).shape.length);
    return unary(inputs, attributes, 1);
  },
  attributes: { axis: 'int' },
  gradient,
});

/** Sum of a value over the axis of a softmax, which is the last unless given. */
const along = ({ g, attributes, y }: Call, value: Value): Value =>
  g.op('ReduceSum', [value, g.ints([axisOf(int(attributes, 'axis', -1), y.shape.length)])], { keepdims: 1 });

const softmaxGradient: Gradient = (call) => [
  () => {
    const { g, dy, y } = call;
    return g.op('Mul', [y, g.op('Sub', [dy, along(call, g.op('Mul', [dy, y]))])]);
  },
];

const logSoftmaxGradient: Gradient = (call) => [
  () => {
    const { g, dy, y } = call;
    return g.op('Sub', [dy, g.op('Mul', [g.op('Exp', [y]), along(call, dy)])]);
  },
];

export const reductions = {
  /** The reverse of a running sum is one from the other end. */
  CumSum: {
    inputs: [2, 2],
    shape: unary,
    attributes: { exclusive: 'int', reverse: 'int' },
    gradient: ({ g, dy, x: [, axis], attributes }) => [
      () => g.op('CumSum', [dy, axis!], { ...attributes, reverse: int(attributes, 'reverse', 0) ? 0 : 1 }),
      null,
    ],
  },
  Hardmax: alongAxis(discrete('the place of a maximum')),
  /** dx = y (dy - sum(dy y)) */
  Softmax: alongAxis(softmaxGradient),
  /** dx = dy - exp(y) sum(dy) */
  LogSoftmax: alongAxis(logSoftmaxGradient),
  /** Of |x|: its sign */
  ReduceL1: row(({ g, input: x, dy, keep }) => g.op('Mul', [g.op('Sign', [x]), keep(dy)])),
  /** x / y */
  ReduceL2: row(({ g, input: x, y, dy, keep }) => g.op('Mul', [x, g.op('Div', [keep(dy), keep(y)])])),
  /** 1 / sum(x) = exp(-y) */
  ReduceLogSum: row(({ g, input: x, y, dy, keep }) =>
    expanded(g, g.op('Mul', [keep(dy), g.op('Exp', [g.op('Neg', [keep(y)])])]), x),
  ),
  /** exp(x - y) */
  ReduceLogSumExp: row(({ g, input: x, y, dy, keep }) =>
    g.op('Mul', [g.op('Exp', [g.op('Sub', [x, keep(y)])]), keep(dy)]),
  ),
  ReduceMax: row(shared),
  ReduceMean: row(({ g, input: x, dy, keep, count }) =>
    expanded(g, g.op('Mul', [keep(dy), g.scalar(1 / count(), dy.dtype)]), x),
  ),
  ReduceMin: row(shared),
  ReduceProd: row((call) => call.g.op('Mul', [call.keep(call.dy), productOfOthers(call)])),
  ReduceSum: row(({ g, input: x, dy, keep }) => expanded(g, keep(dy), x)),
  /** 2 x */
  ReduceSumSquare: row(({ g, input: x, dy, keep }) => g.op('Mul', [x, g.op('Mul', [keep(dy), g.scalar(2, dy.dtype)])])),
} satisfies Partial<Record<OperatorName, Operator>>;
