/** Where the files of a variant lie in a shipped folder; transformers.js asks for these names. */
import type { WebGraphName } from './web-export.js';
import type { WebVariantName } from './web-model.js';

/** Folder of the graphs and weights. */
export const modelFolder = 'onnx';

/** What transformers.js puts behind `model` for its option `dtype`. */
const suffixes: Record<WebVariantName, string> = { fp32: '', fp16: '_fp16', int8: '_int8' };

/** Names inside of `modelFolder`. */
export function webFiles(variant: WebVariantName): { graphs: Record<WebGraphName, string>; weights: string } {
  const suffix = suffixes[variant];
  const graph = (name: WebGraphName) => `${name}${suffix}.onnx`;
  return { graphs: { image: graph('image'), model: graph('model') }, weights: `model${suffix}.onnx_data` };
}
