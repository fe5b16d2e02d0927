/** Normalization over [N, C, ...]. */
import type { OperatorName } from '../onnx/names.js';
import type { Value } from '../onnx/nodes.js';
import { fixed } from '../onnx/nodes.js';
import { showShape } from '../onnx/types.js';
import { reshaped } from './broadcasting.js';
import type { GradientRule, Operator, ShapeRule } from './operator.js';
import { fail, given, input } from './operator.js';

/** Of x [N, C, ...] and vectors of C. */
export const channelVectors: ShapeRule = (inputs) => {
  const { dtype, shape } = input(inputs, 0);
  for (const { shape: other } of given(inputs).slice(1)) {
    if (other.length !== 1 || other[0] !== shape[1])
      fail(`${showShape(other)} does not fit the ${shape[1]} channels of ${showShape(shape)}`);
  }
  return [{ dtype, shape }];
};

/**
 * With r = 1 / sqrt(var + eps), xc = x - mean: y = scale r xc + bias. With d = sum(dy) and s = sum(dy xc) over a channel:
 * dx = scale r dy, dscale = r s, dbias = d, dmean = -scale r d, dvar = -scale r^3 s / 2.
 */
const batchNormGradient: GradientRule = ({ g, dy, x, attributes: { epsilon = 1e-5 } }) => {
  const [image, scale, , mean, variance] = x as [Value, Value, Value, Value, Value];
  const rank = image.shape.length;
  const column = (v: Value) => reshaped(g, v, [fixed(v.shape)[0]!, ...Array<number>(rank - 2).fill(1)]);
  const perChannel = (v: Value) =>
    g.op('ReduceSum', [v, g.ints([0, ...Array.from({ length: rank - 2 }, (_, i) => i + 2)])], { keepdims: 0 });
  const deviation = g.op('Sqrt', [g.op('Add', [variance, g.scalar(epsilon as number, variance.dtype)])]);
  const slope = g.op('Div', [scale, deviation]);
  const d = () => perChannel(dy);
  const s = () => perChannel(g.op('Mul', [dy, g.op('Sub', [image, column(mean)])]));
  return [
    () => g.op('Mul', [dy, column(slope)]),
    () => g.op('Div', [s(), deviation]),
    d,
    () => g.op('Neg', [g.op('Mul', [slope, d()])]),
    () => {
      const cubed = g.op('Div', [slope, g.op('Mul', [deviation, deviation])]);
      return g.op('Mul', [g.op('Mul', [cubed, s()]), g.scalar(-0.5, dy.dtype)]);
    },
  ];
};

export const normalizations = {
  /** In its inference form: the statistics are inputs. Training is `batchNormTraining` in `ops/norm.ts`. */
  BatchNormalization: {
    inputs: [5, 5],
    shape: (inputs, attributes, outputs) => {
      if (attributes['training_mode'])
        fail("training_mode is not 0: the batch's statistics are none of its outputs here");
      return channelVectors(inputs, attributes, outputs);
    },
    attributes: { epsilon: 'float', momentum: 'float', training_mode: 'int' },
    gradient: batchNormGradient,
  },
} satisfies Partial<Record<OperatorName, Operator>>;
