/** A checkpoint's weights under torchvision's names, for `load_state_dict`. */
import { describeNetwork } from '../../graph/step/describe.js';
import { normalizationOf } from '../../graph/preprocessing.js';
import type { TensorSpec } from '../../graph/state/state.js';
import { elementCount } from '../../graph/onnx/types.js';
import type { SafetensorsTensor } from '../formats/safetensors.js';
import { encodeSafetensors, float32Bytes } from '../formats/safetensors.js';
import type { TrainedNetwork } from '../checkpoints/trained-network.js';

/** The tensors of a flat vector, as views. */
function tensorsOf(specs: readonly TensorSpec[], vector: Float32Array): SafetensorsTensor[] {
  const bytes = float32Bytes(vector);
  let offset = 0;
  return specs.map(({ name, shape }) => ({
    name: name.replace(/^base_net\./, ''),
    dtype: 'F32',
    shape,
    data: bytes.subarray(offset, (offset += 4 * elementCount(shape))),
  }));
}

/**
 * The `state_dict` of torchvision's model with `featDim` classes and the head beside it as `dense`, as the chunks of a
 * safetensors file: names without `base_net.`, in the order of `state_dict`. Each batch normalization's weight and bias
 * are followed by its running statistics and `num_batches_tracked` (int64 scalar: the steps of the training).
 */
export function encodeWeights({
  network,
  params,
  buffers,
  preprocessing,
  step,
  modules,
}: TrainedNetwork): Uint8Array[] {
  const layout = describeNetwork(network, modules?.definitions);
  const running = new Map(tensorsOf(layout.buffers, buffers).map((tensor) => [tensor.name, tensor]));
  const count = new Uint8Array(BigInt64Array.of(BigInt(step)).buffer);
  const tensors = tensorsOf(layout.params, params).flatMap((tensor): SafetensorsTensor[] => {
    const beside = (name: string) => tensor.name.replace(/bias$/, name);
    const [mean, variance] = ['running_mean', 'running_var'].map((name) => running.get(beside(name)));
    if (!mean || !variance) return [tensor];
    return [tensor, mean, variance, { name: beside('num_batches_tracked'), dtype: 'I64', shape: [], data: count }];
  });
  return encodeSafetensors(tensors, {
    // What other readers of safetensors look for.
    format: 'pt',
    model: network.model,
    feat_dim: String(network.featDim),
    embed_dim: String(network.embedDim),
    image_size: String(network.imageSize),
    normalization: JSON.stringify(normalizationOf(network)),
    resize: preprocessing.resize,
    preprocessing: JSON.stringify(preprocessing),
    step: String(step),
  });
}
