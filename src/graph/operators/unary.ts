/** Element-wise functions of one input. */
import type { AttributeTypes } from '../onnx/attributes.js';
import type { OperatorName } from '../onnx/names.js';
import type { Value } from '../onnx/nodes.js';
import type { Call, Gradient, Operator, ShapeRule } from './operator.js';
import { fail, given, sameType, unary as sameShape } from './operator.js';

/** `slope` is dy * df/dx. */
const row = (slope: (call: Call & { input: Value }) => Value, attributes: AttributeTypes = {}): Operator => ({
  inputs: [1, 1],
  shape: sameShape,
  attributes,
  gradient: (call) => [() => slope({ ...call, input: call.x[0]! })],
});

const step = (reason: string): Operator => ({
  inputs: [1, 1],
  shape: sameShape,
  attributes: {},
  gradient: { zero: reason },
});

const square = ({ g, y }: Call): Value => g.op('Mul', [y, y]);

/** 2 / sqrt(pi) */
const erfSlope = 1.1283791670955126;

/** 1 within the limits, 0 outside. */
const within: Gradient = ({ g, dy, x: [input, low, high] }) => {
  const inside = () => {
    const masks = [
      ...(low ? [g.op('Greater', [input!, low])] : []),
      ...(high ? [g.op('Less', [input!, high])] : []),
    ].map((mask) => g.op('Cast', [mask], { to: dy.dtype }));
    return masks.reduce((share, mask) => g.op('Mul', [share, mask]), dy);
  };
  return [inside, null, null];
};

const clip: ShapeRule = (inputs, attributes, outputs) => {
  sameType(inputs);
  if (given(inputs.slice(1)).some(({ shape }) => shape.length > 0)) fail('its bounds must be scalars');
  return sameShape(inputs, attributes, outputs);
};

export const unary = {
  Abs: row(({ g, dy, input }) => g.op('Mul', [dy, g.op('Sign', [input])])),
  Ceil: step('it is constant between its jumps'),
  Clip: { inputs: [1, 3], shape: clip, attributes: {}, gradient: within },
  Cos: row(({ g, dy, input }) => g.op('Neg', [g.op('Mul', [dy, g.op('Sin', [input])])])),
  /** d erf(x)/dx = 2 / sqrt(pi) exp(-x^2) */
  Erf: row(({ g, dy, input }) => {
    const bell = g.op('Exp', [g.op('Neg', [g.op('Mul', [input, input])])]);
    return g.op('Mul', [dy, g.op('Mul', [bell, g.scalar(erfSlope, dy.dtype)])]);
  }),
  Exp: row(({ g, dy, y }) => g.op('Mul', [dy, y])),
  Floor: step('it is constant between its jumps'),
  /** alpha where 0 < y < 1 */
  HardSigmoid: row(
    ({ g, dy, y, attributes: { alpha = 0.2 } }) => {
      const inside = g.op('And', [g.op('Greater', [y, g.scalar(0, y.dtype)]), g.op('Less', [y, g.scalar(1, y.dtype)])]);
      return g.op('Mul', [
        dy,
        g.op('Mul', [g.op('Cast', [inside], { to: dy.dtype }), g.scalar(alpha as number, dy.dtype)]),
      ]);
    },
    { alpha: 'float', beta: 'float' },
  ),
  Identity: row(({ dy }) => dy),
  LeakyRelu: row(
    ({ g, dy, input, attributes: { alpha = 0.01 } }) =>
      g.op('Where', [
        g.op('Greater', [input, g.scalar(0, input.dtype)]),
        dy,
        g.op('Mul', [dy, g.scalar(alpha as number, dy.dtype)]),
      ]),
    { alpha: 'float' },
  ),
  Log: row(({ g, dy, input }) => g.op('Div', [dy, input])),
  Neg: row(({ g, dy }) => g.op('Neg', [dy])),
  /** d(1/x)/dx = -y^2 */
  Reciprocal: row((call) => call.g.op('Neg', [call.g.op('Mul', [call.dy, square(call)])])),
  /**
   * 1 where y > 0. The mask of large tensors is HardSigmoid with a steep slope, min(1, max(0, 1e30 y)): one vectorised pass,
   * where comparing and selecting takes three. In float16 1e30 is infinite, and 0 times it no number.
   */
  Relu: row(({ g, dy, y }) => {
    const isSteep = y.dtype === 'float32';
    const above = () => g.op('Cast', [g.op('Greater', [y, g.scalar(0, y.dtype)])], { to: y.dtype });
    return g.op('Mul', [dy, isSteep ? g.op('HardSigmoid', [y], { alpha: 1e30, beta: 0 }) : above()]);
  }),
  Round: step('it is constant between its jumps'),
  /** y (1 - y) */
  Sigmoid: row(({ g, dy, y }) => g.op('Mul', [dy, g.op('Mul', [y, g.op('Sub', [g.scalar(1, y.dtype), y])])])),
  Sign: step('it is constant between its jumps'),
  Sin: row(({ g, dy, input }) => g.op('Mul', [dy, g.op('Cos', [input])])),
  Softplus: row(({ g, dy, input }) => g.op('Mul', [dy, g.op('Sigmoid', [input])])),
  /** d sqrt(x)/dx = 1 / (2 sqrt(x)) */
  Sqrt: row(({ g, dy, y }) => g.op('Div', [g.op('Mul', [dy, g.scalar(0.5, dy.dtype)]), y])),
  /** 1 - y^2 */
  Tanh: row((call) => call.g.op('Mul', [call.dy, call.g.op('Sub', [call.g.scalar(1, call.dy.dtype), square(call)])])),
} satisfies Partial<Record<OperatorName, Operator>>;
