/** The graphs that `dws export --web` ships: images of any size in, resized and normalized by the graph itself. */
import type { Value } from '../builder/builder.js';
import { GraphBuilder } from '../builder/builder.js';
import { FoldingLayers, networkWeights } from '../nn/folding.js';
import { backboneFeatures, embeddingHead, normalizePlanes } from '../step/network.js';
import type { ExternalPlace } from '../onnx/external.js';
import { moveTensors } from '../onnx/external.js';
import { encodeModel } from '../onnx/schema.js';
import type { NetworkOptions } from '../options.js';
import type { Definitions } from '../parts/parts.js';
import { backboneOf } from '../parts/parts.js';
import { describeNetwork } from '../step/describe.js';
import { resizeImages } from './resize.js';
import type { TrainingState } from '../state/state.js';
import type { Squares } from '../preprocessing.js';
import type { WebVariantName } from './web-model.js';
import { WeightStore } from './web-weights.js';

interface WebGraph {
  /** The images as planes of values in 0..255: float32 [batch, 3, `height`, `width`]. */
  planes: (g: GraphBuilder) => Value;
  /** What the embeddings are called. */
  embeddings: string;
}

/** By the name of the file, without its ending. */
const graphs = {
  /** For this project's own library: what a canvas holds. */
  image: {
    planes: (g) => {
      const image = g.input('image', 'uint8', [1, 'height', 'width', 'channels']);
      const planes = g.op('Transpose', [image], { perm: [0, 3, 1, 2] });
      return g.op('Cast', [g.op('Gather', [planes, g.ints([0, 1, 2])], { axis: 1 })], { to: 'float32' });
    },
    embeddings: 'embeddings',
  },
  /** For transformers.js: its names of the input, and of the output that its pipeline returns. */
  model: {
    planes: (g) => g.input('pixel_values', 'float32', ['batch', 3, 'height', 'width']),
    embeddings: 'image_embeds',
  },
} satisfies Record<string, WebGraph>;

export type WebGraphName = keyof typeof graphs;

export interface WebModelOptions {
  variant: WebVariantName;
  /** What the graphs make of images; `imageSize` is the network's. */
  squares: Squares;
  /** Name of the file with the weights, in the graphs' folder. */
  weightsFile: string;
  /** Written into the models' metadata_props. */
  metadata?: Record<string, string>;
}

export interface WebModel {
  /** The graphs' files. */
  graphs: Record<WebGraphName, Uint8Array>;
  /** The weights' file, in chunks. */
  weights: Uint8Array[];
  /** Where in it the tensors are, by name. */
  places: Map<string, ExternalPlace>;
}

/**
 * Two graphs over one file of weights, batch normalization folded:
 *
 * - `image`: `image` uint8 [1, height, width, channels], RGB or RGBA (alpha is not looked at) -> `embeddings`
 *   [1, embedDim], L2-normalized, and `features` [1, featDim], the input of the last linear layer
 * - `model`: `pixel_values` float32 [batch, 3, height, width] in 0..255 -> `image_embeds` and `features`, the same
 */
export function buildWebModel(
  network: NetworkOptions,
  state: TrainingState,
  options: WebModelOptions,
  definitions: Definitions = {},
): WebModel {
  const { variant, squares, weightsFile, metadata } = options;
  const layout = describeNetwork(network, definitions);
  const store = new WeightStore(variant);
  const names = Object.keys(graphs) as WebGraphName[];
  const whole = names.map((name) => {
    const g = new GraphBuilder();
    const graph: WebGraph = graphs[name];
    const layers = new FoldingLayers(g, networkWeights(g, layout, state, store.add));
    const planes = g.scope('images', () => graph.planes(g));
    const resized = resizeImages(g, planes, squares);
    const normalized = g.scope('images', () => normalizePlanes(g, resized, 'NCHW', network));
    const features = backboneFeatures(layers, normalized, network, backboneOf(network, definitions));
    g.output(graph.embeddings, embeddingHead(g, layers, features, network.embedDim));
    g.output('features', features);
    return g.model(network.model, metadata);
  });
  const { models, chunks, places } = moveTensors(whole, weightsFile, (name) => store.has(name));
  const files = Object.fromEntries(names.map((name, i) => [name, encodeModel(models[i]!)]));
  return { graphs: files as Record<WebGraphName, Uint8Array>, weights: chunks, places };
}
