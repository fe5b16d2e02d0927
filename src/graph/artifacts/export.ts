/** The model that is shipped as one file: weights inside, batch normalization folded into the convolution in front of it. */
import { GraphBuilder } from '../builder/builder.js';
import { FoldingLayers, networkWeights } from '../nn/folding.js';
import { InferenceLayers } from '../nn/inference.js';
import type { Definitions } from '../parts/parts.js';
import { backboneOf } from '../parts/parts.js';
import { describeNetwork } from '../step/describe.js';
import { backboneFeatures, embed, embeddingHead, imagesToFeatures, normalizePlanes } from '../step/network.js';
import type { Value } from '../onnx/nodes.js';
import { encodeModel } from '../onnx/schema.js';
import type { NetworkOptions } from '../options.js';
import type { Squares } from '../preprocessing.js';
import type { TrainingState } from '../state/state.js';
import { resizeImages } from './resize.js';

/** Images of any size, as a decoder gives them -> what the network sees. */
function resizedFeatures(g: GraphBuilder, network: NetworkOptions, squares: Squares): Value {
  const images = g.input('images', 'uint8', ['batch', 'height', 'width', 3]);
  const planes = g.op('Cast', [g.op('Transpose', [images], { perm: [0, 3, 1, 2] })], { to: 'float32' });
  const resized = resizeImages(g, planes, squares);
  return g.scope('images', () => normalizePlanes(g, resized, 'NCHW', network));
}

/**
 * `images` uint8 [batch, H, W, 3] -> `embeddings` [batch, embedDim].
 *
 * @param metadata written into the model's metadata_props
 * @param squares what is made of images of any size inside the model, [batch, height, width, 3]; without, H and W are the network's
 */
export function buildExportModel(
  network: NetworkOptions,
  state: TrainingState,
  metadata: Record<string, string> = {},
  definitions: Definitions = {},
  squares?: Squares,
): Uint8Array {
  const g = new GraphBuilder();
  const { imageSize } = network;
  const layers = new FoldingLayers(g, networkWeights(g, describeNetwork(network, definitions), state));
  const square = () =>
    imagesToFeatures(g, g.input('images', 'uint8', ['batch', imageSize, imageSize, 3]), 'NCHW', network);
  const features = squares ? resizedFeatures(g, network, squares) : square();
  g.output('embeddings', embed(g, layers, features, network, backboneOf(network, definitions)));
  return encodeModel(g.model(network.model, metadata));
}

/**
 * What other programs go on with: `images` float32 [batch, 3, imageSize, imageSize], normalized -> `embeddings` [batch, embedDim], `features` [batch,
 * featDim]. Every tensor of the state is a weight of its own, by its name; batch normalization is kept.
 *
 * @param metadata written into the model's metadata_props
 */
export function buildUnfoldedModel(
  network: NetworkOptions,
  state: TrainingState,
  metadata: Record<string, string> = {},
  definitions: Definitions = {},
): Uint8Array {
  const g = new GraphBuilder();
  const { imageSize } = network;
  const layers = new InferenceLayers(g, networkWeights(g, describeNetwork(network, definitions), state));
  const images = g.input('images', 'float32', ['batch', 3, imageSize, imageSize]);
  const features = backboneFeatures(layers, images, network, backboneOf(network, definitions));
  g.output('embeddings', embeddingHead(g, layers, features, network.embedDim));
  g.output('features', features);
  return encodeModel(g.model(network.model, metadata));
}
