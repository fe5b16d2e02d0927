/** Padding as numbers, where an operator's attributes leave it to ONNX Runtime. */
import type { OperatorName } from '../onnx/names.js';
import { fixed } from '../onnx/nodes.js';
import type { Attributes } from '../onnx/types.js';
import { spread } from './convolution.js';
import type { TypedShape } from './operator.js';
import { ints } from './operator.js';
import { spatial } from './sliding.js';

const sliding: readonly OperatorName[] = ['AveragePool', 'Conv', 'MaxPool'];

/**
 * The same attributes with `pads` in place of `auto_pad` and `output_shape`: ONNX Runtime refuses auto_pad with dilations.
 *
 * @param inputs of Conv, ConvTranspose, AveragePool or MaxPool; attributes of others come back as they are
 * @throws Error for what the definition does not allow
 */
export function explicitPads(type: OperatorName, inputs: readonly TypedShape[], attributes: Attributes): Attributes {
  const isLeft = (attributes['auto_pad'] ?? 'NOTSET') !== 'NOTSET' || !!attributes['output_shape'];
  if (!isLeft || !(type === 'ConvTranspose' || sliding.includes(type))) return attributes;
  const sizes = fixed(inputs[0]!.shape.slice(2));
  const kernel_shape = ints(attributes, 'kernel_shape', inputs[1] ? fixed(inputs[1].shape.slice(2)) : []);
  const known = { ...attributes, kernel_shape };
  const { pads } = type === 'ConvTranspose' ? spread(sizes, known) : spatial(known, sizes);
  // Where ONNX pads by itself, the last window of a pooling never hangs over.
  const ceil_mode = String(attributes['auto_pad']).startsWith('SAME') ? undefined : attributes['ceil_mode'];
  return { ...known, pads, ceil_mode, auto_pad: undefined, output_shape: undefined };
}
