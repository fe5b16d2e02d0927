/** A file's network without its weights: what a checkpoint keeps of it, whose state has these. */
import type { ModelProto, TensorProto } from '../onnx/schema.js';
import type { ExternalBytes } from './tensors.js';
import { sizeOf } from './tensors.js';

const elsewhere = 'checkpoint';

const emptied = ({ name, dims, dataType }: TensorProto): TensorProto => ({
  ...{ name, dims, dataType, dataLocation: 1 },
  externalData: [{ key: 'location', value: elsewhere }],
});

/**
 * @param weights names of the tensors that the state has
 * @param external reads those that lie in other files, and are no weights
 */
export function withoutWeights(model: ModelProto, weights: ReadonlySet<string>, external: ExternalBytes): ModelProto {
  const within = (tensor: TensorProto): TensorProto => {
    if (weights.has(tensor.name ?? '')) return emptied(tensor);
    if (tensor.dataLocation !== 1) return tensor;
    const { name, dims, dataType } = tensor;
    return { name, dims, dataType, rawData: external(tensor) };
  };
  const { graph } = model;
  const node = graph.node.map((one) => {
    const output = one.output[0] ?? '';
    if (one.opType !== 'Constant' || !weights.has(output)) return one;
    return { ...one, attribute: one.attribute.map((held) => (held.t ? { ...held, t: emptied(held.t) } : held)) };
  });
  return { ...model, graph: { ...graph, node, initializer: graph.initializer.map(within) } };
}

/** Zeros in the places of weights. @throws Error for a tensor in another file */
export const zeros: ExternalBytes = (tensor) => {
  const isWeight = tensor.externalData?.some(({ key, value }) => key === 'location' && value === elsewhere);
  if (isWeight) return new Uint8Array(sizeOf(tensor));
  throw new Error(`the tensor ${tensor.name ?? ''} lies in another file`);
};
