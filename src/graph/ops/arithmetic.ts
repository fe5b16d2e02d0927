/** Element-wise arithmetic with NumPy broadcasting, and its gradients. */
import type { GraphBuilder, Value } from '../builder.js';
import type { Shape } from '../onnx/types.js';

/** Sums a gradient over the axes along which `shape` was broadcast: the gradient of broadcasting. */
export function unbroadcast(g: GraphBuilder, gradient: Value, shape: Shape): Value {
  const extra = gradient.shape.length - shape.length;
  const axes = gradient.shape.flatMap((dim, i) => (i < extra || (shape[i - extra] === 1 && dim !== 1) ? [i] : []));
  if (!axes.length) return gradient;
  const sum = g.op('ReduceSum', [gradient, g.ints(axes)], { keepdims: 1 });
  return extra ? g.op('Reshape', [sum, g.ints(shape as number[])]) : sum;
}

type Partial = (g: GraphBuilder, dy: Value, a: Value, b: Value, y: Value) => Value;

/** y = f(a, b); `partials` are dy * df/da and dy * df/db before the sum over broadcast axes. */
function binary(type: string, partials: [Partial, Partial]) {
  return (g: GraphBuilder, a: Value, b: Value): Value => {
    const y = g.op(type, [a, b]);
    return g.differentiable([a, b], y, (dy) => [
      a.tracked ? unbroadcast(g, partials[0](g, dy, a, b, y), a.shape) : null,
      b.tracked ? unbroadcast(g, partials[1](g, dy, a, b, y), b.shape) : null,
    ]);
  };
}

export const add = binary('Add', [(_g, dy) => dy, (_g, dy) => dy]);
export const sub = binary('Sub', [(_g, dy) => dy, (g, dy) => g.op('Neg', [dy])]);
export const mul = binary('Mul', [(g, dy, _a, b) => g.op('Mul', [dy, b]), (g, dy, a) => g.op('Mul', [dy, a])]);
/** d(a/b)/db = -a/b^2 = -y/b */
export const div = binary('Div', [
  (g, dy, _a, b) => g.op('Div', [dy, b]),
  (g, dy, _a, b, y) => g.op('Neg', [g.op('Div', [g.op('Mul', [dy, y]), b])]),
]);

/** y = f(x); `partial` is dy * df/dx. */
function unary(type: string, partial: (g: GraphBuilder, dy: Value, x: Value, y: Value) => Value) {
  return (g: GraphBuilder, x: Value): Value => {
    const y = g.op(type, [x]);
    return g.differentiable([x], y, (dy) => [partial(g, dy, x, y)]);
  };
}

export const exp = unary('Exp', (g, dy, _x, y) => g.op('Mul', [dy, y]));
export const log = unary('Log', (g, dy, x) => g.op('Div', [dy, x]));
/** d sqrt(x)/dx = 1 / (2 sqrt(x)) */
export const sqrt = unary('Sqrt', (g, dy, _x, y) => g.op('Div', [g.op('Mul', [dy, g.scalar(0.5)]), y]));

/** 1 where `x` is greater than 0, else 0, as float32. */
const isPositive = (g: GraphBuilder, x: Value) => g.op('Cast', [g.op('Greater', [x, g.scalar(0)])], { to: 1 });

/** max(x, low); the gradient passes where x > low, as in PyTorch's `clamp` but for the boundary itself. */
export function clampMin(g: GraphBuilder, x: Value, low: number): Value {
  const y = g.op('Max', [x, g.scalar(low)]);
  return g.differentiable([x], y, (dy) => [g.op('Mul', [dy, isPositive(g, g.op('Sub', [x, g.scalar(low)]))])]);
}

/**
 * max(x, 0); the gradient passes where y > 0.
 *
 * The mask of large tensors is HardSigmoid with a steep slope, min(1, max(0, 1e30 y)): one vectorised pass, where
 * comparing and selecting takes three.
 */
export const relu = unary('Relu', (g, dy, _x, y) =>
  g.op('Mul', [dy, g.op('HardSigmoid', [y], { alpha: 1e30, beta: 0 })]),
);
