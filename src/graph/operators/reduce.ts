/** Reductions over axes, and functions of whole rows. */
import type { OperatorName } from '../onnx/names.js';
import type { Nodes, Value } from '../onnx/nodes.js';
import { fixed } from '../onnx/nodes.js';
import type { Shape } from '../onnx/types.js';
import { reshaped } from './broadcasting.js';
import type { Call, Gradient, Operator, OperatorInput, ShapeRule } from './operator.js';
import { axesOf, axisOf, fail, input, int, known, unary } from './operator.js';

/** The axes that a reduction sums over: all unless some are given. */
function reducedAxes({ shape }: { shape: Shape }, axes: OperatorInput | null | undefined): number[] {
  if (!axes) return shape.map((_, i) => i);
  const given = axes.data ?? fail('axes must be constant');
  return given.length ? axesOf(given, shape.length) : shape.map((_, i) => i);
}

const reduce: ShapeRule = (inputs, attributes) => {
  const { dtype, shape } = input(inputs, 0);
  const axes = reducedAxes({ shape }, inputs[1]);
  const kept = shape.map((dim, i) => (axes.includes(i) ? 1 : dim));
  return [{ dtype, shape: int(attributes, 'keepdims', 1) ? kept : kept.filter((_, i) => !axes.includes(i)) }];
};

interface Reduced extends Call {
  input: Value;
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
  attributes: { keepdims: 'int' },
  gradient: (call) => {
    const whole = call.x[0]!;
    const axes = reducedAxes(whole, call.x[1]);
    const kept = whole.shape.map((dim, i) => (axes.includes(i) ? 1 : dim));
    const keep = (value: Value): Value => (value.shape.length === kept.length ? value : reshaped(call.g, value, kept));
    const count = () => axes.reduce((n, axis) => n * known(whole.shape[axis]), 1);
    return [() => slope({ ...call, input: whole, keep, count }), null];
  },
});

/** Elements that equal the extreme share its gradient evenly, as in PyTorch's `amax`. */
const shared = ({ g, input: x, y, dy, keep, x: [, axes] }: Reduced): Value => {
  const equal = g.op('Cast', [g.op('Equal', [x, keep(y)])], { to: dy.dtype });
  const ties = g.op('ReduceSum', axes ? [equal, axes] : [equal], { keepdims: 1 });
  return g.op('Mul', [equal, g.op('Div', [keep(dy), ties])]);
};

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
  /** dx = y (dy - sum(dy y)) */
  Softmax: alongAxis(softmaxGradient),
  /** dx = dy - exp(y) sum(dy) */
  LogSoftmax: alongAxis(logSoftmaxGradient),
  /** x / y */
  ReduceL2: row(({ g, input: x, y, dy, keep }) => g.op('Mul', [x, g.op('Div', [keep(dy), keep(y)])])),
  /** exp(x - y) */
  ReduceLogSumExp: row(({ g, input: x, y, dy, keep }) =>
    g.op('Mul', [g.op('Exp', [g.op('Sub', [x, keep(y)])]), keep(dy)]),
  ),
  ReduceMax: row(shared),
  ReduceMean: row(({ g, input: x, dy, keep, count }) =>
    expanded(g, g.op('Mul', [keep(dy), g.scalar(1 / count(), dy.dtype)]), x),
  ),
  ReduceMin: row(shared),
  ReduceSum: row(({ g, input: x, dy, keep }) => expanded(g, keep(dy), x)),
  /** 2 x */
  ReduceSumSquare: row(({ g, input: x, dy, keep }) => g.op('Mul', [x, g.op('Mul', [keep(dy), g.scalar(2, dy.dtype)])])),
} satisfies Partial<Record<OperatorName, Operator>>;
