/**
 * The ONNX operators that graphs are made of: one flat table, operator -> shape rule, attributes, gradient.
 *
 * A shape rule is where a wrong shape is found: it throws an Error that says what does not fit; the builder adds the operator,
 * all input shapes and the place in the model. https://onnx.ai/onnx/operators/ has the operators' definitions.
 */
import type { OperatorName } from '../onnx/names.js';
import { activations } from './activations.js';
import { arithmetic } from './arithmetic.js';
import { blocks } from './blocks.js';
import { convolutions } from './convolution.js';
import { sums } from './einsum.js';
import { gatherNDs } from './gather-nd.js';
import { gathers } from './gather.js';
import { logic } from './logic.js';
import { matrices } from './matrix.js';
import { normalizations } from './normalization.js';
import type { Operator } from './operator.js';
import { pads } from './pad.js';
import { reductions } from './reduce.js';
import { resizes } from './resize.js';
import { shapes } from './shape.js';
import { standardizations } from './standardizations.js';
import { unary } from './unary.js';
import { windows } from './windows.js';

export const operators: Readonly<Record<OperatorName, Operator>> = {
  ...activations,
  ...arithmetic,
  ...blocks,
  ...convolutions,
  ...gatherNDs,
  ...gathers,
  ...logic,
  ...matrices,
  ...normalizations,
  ...pads,
  ...reductions,
  ...resizes,
  ...shapes,
  ...standardizations,
  ...sums,
  ...unary,
  ...windows,
};
