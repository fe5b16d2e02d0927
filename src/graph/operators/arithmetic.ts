/** Element-wise operators of several inputs, with NumPy broadcasting. */
import type { OperatorName } from '../onnx/names.js';
import type { Nodes, Value } from '../onnx/nodes.js';
import { isContinuous } from '../onnx/types.js';
import { unbroadcast } from './broadcasting.js';
import type { Call, Gradient, Operator } from './operator.js';
import { broadcastAll, discrete, elementwise, fail, given, requireType, sameType } from './operator.js';

/** Each input's share of dy, before the sum over the axes along which it was broadcast. */
const shares =
  (...of: ((call: Call) => Value)[]): Gradient =>
  (call) =>
    call.x.map((input, i) => () => unbroadcast(call.g, (of[i] ?? of[0]!)(call), input.shape));

const row = (gradient: Gradient, inputs: Operator['inputs'] = [2, 2]): Operator => ({
  inputs,
  shape: elementwise,
  attributes: {},
  gradient,
});

/** One input or more. */
const any = [1, Infinity] as const;

/** `slope` where `x` is not 0. */
const orZero = (g: Nodes, x: Value, slope: Value): Value =>
  g.op('Where', [g.op('Equal', [x, g.scalar(0, x.dtype)]), g.scalar(0, x.dtype), slope]);

const all = (g: Nodes, type: OperatorName, xs: readonly Value[]): Value => (xs.length > 1 ? g.op(type, xs) : xs[0]!);

/**
 * The gradient goes to the input that is the largest (`sign` 1) or the smallest (-1); of equal ones to the last, so that a
 * value gets none where it is clamped by a constant behind it.
 */
const extreme =
  (type: 'Max' | 'Min', sign: 1 | -1): Gradient =>
  ({ g, x, dy }) =>
    x.map((input, i) => () => {
      const ahead = (others: readonly Value[], comparison: OperatorName): Value[] => {
        if (!others.length) return [];
        const [a, b] = sign > 0 ? [input, all(g, type, others)] : [all(g, type, others), input];
        const wins = g.op(comparison, [g.op('Sub', [a, b]), g.scalar(0, dy.dtype)]);
        return [g.op('Cast', [wins], { to: dy.dtype })];
      };
      const masks = [...ahead(x.slice(i + 1), 'Greater'), ...ahead(x.slice(0, i), 'GreaterOrEqual')];
      return unbroadcast(
        g,
        masks.reduce((share, mask) => g.op('Mul', [share, mask]), dy),
        input.shape,
      );
    });

export const arithmetic = {
  Add: row(shares(({ dy }) => dy)),
  BitShift: {
    inputs: [2, 2],
    shape: (inputs, attributes, outputs) => {
      given(inputs).forEach((_, i) => requireType(inputs, i, 'uint8'));
      if (!['LEFT', 'RIGHT'].includes(String(attributes['direction']))) fail('direction is neither LEFT nor RIGHT');
      return elementwise(inputs, attributes, outputs);
    },
    attributes: { direction: 'string' },
    gradient: discrete('a whole number'),
  },
  Sub: row(
    shares(
      ({ dy }) => dy,
      ({ g, dy }) => g.op('Neg', [dy]),
    ),
  ),
  Mul: row(
    shares(
      ({ g, dy, x: [, b] }) => g.op('Mul', [dy, b!]),
      ({ g, dy, x: [a] }) => g.op('Mul', [dy, a!]),
    ),
  ),
  /** d(a/b)/db = -a/b^2 = -y/b */
  Div: row(
    shares(
      ({ g, dy, x: [, b] }) => g.op('Div', [dy, b!]),
      ({ g, dy, y, x: [, b] }) => g.op('Neg', [g.op('Div', [g.op('Mul', [dy, y]), b!])]),
    ),
  ),
  /** Of a - b trunc(a / b): d/da = 1, d/db = -trunc(a / b) = (y - a) / b, between the jumps */
  Mod: {
    inputs: [2, 2],
    shape: (inputs, attributes, outputs) => {
      if (isContinuous(sameType(inputs)) && attributes['fmod'] !== 1)
        fail('of floating-point numbers it has attribute fmod 1');
      return elementwise(inputs, attributes, outputs);
    },
    attributes: { fmod: 'int' },
    gradient: shares(
      ({ dy }) => dy,
      ({ g, dy, y, x: [a, b] }) => g.op('Mul', [dy, g.op('Div', [g.op('Sub', [y, a!]), b!])]),
    ),
  },
  /** d(a^b)/da = b a^(b-1), d(a^b)/db = a^b log(a); 0 where b or a is, as in PyTorch: no 0 times infinity */
  Pow: row(
    shares(
      ({ g, dy, x: [a, b] }) => {
        const power = g.op('Pow', [a!, g.op('Sub', [b!, g.scalar(1, dy.dtype)])]);
        const slope = g.op('Mul', [b!, power]);
        return g.op('Mul', [dy, b!.data?.every((v) => v !== 0) ? slope : orZero(g, b!, slope)]);
      },
      ({ g, dy, y, x: [a] }) => g.op('Mul', [dy, orZero(g, a!, g.op('Mul', [y, g.op('Log', [a!])]))]),
    ),
  ),
  Sum: row(
    shares(({ dy }) => dy),
    any,
  ),
  Mean: row(
    shares(({ g, dy, x }) => g.op('Mul', [dy, g.scalar(1 / x.length, dy.dtype)])),
    any,
  ),
  Max: row(extreme('Max', 1), any),
  Min: row(extreme('Min', -1), any),
  /** dy goes where the condition chose. */
  Where: {
    inputs: [3, 3],
    shape: (inputs) => {
      requireType(inputs, 0, 'bool');
      return [{ dtype: sameType(inputs.slice(1)), shape: broadcastAll(inputs) }];
    },
    attributes: {},
    gradient: ({ g, dy, x: [condition, a, b] }) => [
      null,
      () => unbroadcast(g, g.op('Where', [condition!, dy, g.scalar(0, dy.dtype)]), a!.shape),
      () => unbroadcast(g, g.op('Where', [condition!, g.scalar(0, dy.dtype), dy]), b!.shape),
    ],
  },
} satisfies Partial<Record<OperatorName, Operator>>;
