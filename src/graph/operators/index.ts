/**
 * The ONNX operators that graphs are made of: one flat table, operator -> shape rule, attributes, gradient.
 *
 * A shape rule is where a wrong shape is found: it throws an Error that says what does not fit; the builder adds the operator,
 * all input shapes and the place in the model. https://onnx.ai/onnx/operators/ has the operators' definitions.
 */
import type { OperatorName } from '../onnx/names.js';
import { arithmetic } from './arithmetic.js';
import { gathers } from './gather.js';
import { logic } from './logic.js';
import { matrices } from './matrix.js';
import { normalizations } from './normalization.js';
import type { Operator } from './operator.js';
import { reductions } from './reduce.js';
import { shapes } from './shape.js';
import { unary } from './unary.js';
import { windows } from './windows.js';

export const operators: Readonly<Record<OperatorName, Operator>> = {
  ...arithmetic,
  ...gathers,
  ...logic,
  ...matrices,
  ...normalizations,
  ...reductions,
  ...shapes,
  ...unary,
  ...windows,
};
