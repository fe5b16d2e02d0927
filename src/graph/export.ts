/** The model that is shipped as one file: weights inside, batch normalization folded into the convolution in front of it. */
import { GraphBuilder } from './builder.js';
import { FoldingLayers, networkWeights } from './folding.js';
import { embed, imagesToFeatures } from './head.js';
import { encodeModel } from './onnx/schema.js';
import type { NetworkOptions } from './options.js';
import type { TrainingState } from './state.js';

/**
 * `images` uint8 [batch, H, W, 3] -> `embeddings` [batch, embedDim].
 *
 * @param metadata written into the model's metadata_props
 */
export function buildExportModel(
  network: NetworkOptions,
  state: TrainingState,
  metadata: Record<string, string> = {},
): Uint8Array {
  const g = new GraphBuilder();
  const { imageSize } = network;
  const images = g.input('images', 'uint8', ['batch', imageSize, imageSize, 3]);
  const layers = new FoldingLayers(g, networkWeights(g, network, state));
  g.output('embeddings', embed(g, layers, imagesToFeatures(g, images, 'NCHW'), network));
  return encodeModel(g.model(network.model, metadata));
}
