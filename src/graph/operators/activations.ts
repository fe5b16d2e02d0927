/** Activations: element-wise functions, most of which bend somewhere. On the bend the slope is that of the left side. */
import type { AttributeTypes } from '../onnx/attributes.js';
import type { OperatorName } from '../onnx/names.js';
import type { Nodes, Value } from '../onnx/nodes.js';
import { showShape } from '../onnx/types.js';
import { unbroadcast } from './broadcasting.js';
import type { Call, Operator } from './operator.js';
import { broadcast, fail, input, sameType, unary } from './operator.js';

interface Slope extends Call {
  input: Value;
  number: (value: number) => Value;
}

/** `slope` is df/dx. */
const row = (slope: (call: Slope) => Value, attributes: AttributeTypes = {}): Operator => ({
  inputs: [1, 1],
  shape: unary,
  attributes,
  gradient: (call) => {
    const { g, dy, x } = call;
    const number = (value: number) => g.scalar(value, dy.dtype);
    return [() => g.op('Mul', [dy, slope({ ...call, input: x[0]!, number })])];
  },
});

const where = (g: Nodes, x: Value, above: number, yes: Value, no: Value): Value =>
  g.op('Where', [g.op('Greater', [x, g.scalar(above, x.dtype)]), yes, no]);

/** The definition's values, which are PyTorch's in float32. */
const selu = { alpha: 1.6732632423543772, gamma: 1.0507009873554805 };

export const activations = {
  /** 1 above 0, else alpha exp(x) = y + alpha */
  Elu: row(
    ({ g, input: x, y, number, attributes: { alpha = 1 } }) =>
      where(g, x, 0, number(1), g.op('Add', [y, number(alpha as number)])),
    { alpha: 'float' },
  ),
  /** Of x clip(x / 6 + 1/2, 0, 1): 0 below -3, x / 3 + 1/2 up to 3, 1 above */
  HardSwish: row(({ g, input: x, number }) => {
    const between = g.op('Add', [g.op('Mul', [x, number(1 / 3)]), number(0.5)]);
    return where(g, x, 3, number(1), where(g, x, -3, between, number(0)));
  }),
  /** With t = tanh(softplus(x)): t + x (1 - t^2) sigmoid(x) */
  Mish: row(({ g, input: x, number }) => {
    const t = g.op('Tanh', [g.op('Softplus', [x])]);
    const bend = g.op('Sub', [number(1), g.op('Mul', [t, t])]);
    return g.op('Add', [t, g.op('Mul', [g.op('Mul', [x, bend]), g.op('Sigmoid', [x])])]);
  }),
  /** dx = dy above 0, else slope dy; dslope = x dy where x is not above 0, summed over what the slope was broadcast to */
  PRelu: {
    inputs: [2, 2],
    shape: (inputs) => {
      const [x, slope] = [input(inputs, 0), input(inputs, 1)];
      if (showShape(broadcast(x.shape, slope.shape)) !== showShape(x.shape))
        fail(`slope ${showShape(slope.shape)} does not broadcast to ${showShape(x.shape)}`);
      return [{ dtype: sameType(inputs), shape: x.shape }];
    },
    attributes: {},
    gradient: ({ g, dy, x: [x, slope] }) => [
      () => where(g, x!, 0, dy, g.op('Mul', [dy, slope!])),
      () => unbroadcast(g, where(g, x!, 0, g.scalar(0, dy.dtype), g.op('Mul', [dy, x!])), slope!.shape),
    ],
  },
  /** gamma above 0, else gamma alpha exp(x) = y + gamma alpha */
  Selu: row(
    ({ g, input: x, y, number, attributes }) => {
      const { alpha = selu.alpha, gamma = selu.gamma } = attributes as Partial<typeof selu>;
      return where(g, x, 0, number(gamma), g.op('Add', [y, number(gamma * alpha)]));
    },
    { alpha: 'float', gamma: 'float' },
  ),
  /** Of x / (1 + |x|): 1 / (1 + |x|)^2 */
  Softsign: row(({ g, input: x, number }) => {
    const bottom = g.op('Add', [g.op('Abs', [x]), number(1)]);
    return g.op('Reciprocal', [g.op('Mul', [bottom, bottom])]);
  }),
  /** 1 above alpha, else 0 */
  ThresholdedRelu: row(
    ({ g, input: x, number, attributes: { alpha = 1 } }) => where(g, x, alpha as number, number(1), number(0)),
    { alpha: 'float' },
  ),
} satisfies Partial<Record<OperatorName, Operator>>;
