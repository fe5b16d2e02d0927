/** ONNX Runtime's CPU provider has a Gemm of float16, which sums in float16 (2048 and 1 are 2048) and takes a hundred times as long. */
import type { Nodes, Value } from '../onnx/nodes.js';
import type { Attributes } from '../onnx/types.js';
import type { Precision, Provider } from '../options.js';

type Inputs = readonly (Value | null)[];

/** Whether a Gemm of a training has to go by way of float32. */
export const widens = (provider: Provider, precision: Precision | undefined, [x]: Inputs): boolean =>
  provider === 'cpu' && precision === 'fp16' && x?.dtype === 'float16';

/** The Gemm in float32, of float16 and to float16. */
export function wideGemm(g: Nodes, inputs: Inputs, attributes: Attributes): Value {
  const wide = inputs.map((x) => x && g.op('Cast', [x], { to: 'float32' }));
  return g.op('Cast', [g.op('Gemm', wide, attributes)], { to: 'float16' });
}
