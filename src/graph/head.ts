/** The network around a backbone: images in, L2-normalized embeddings out. */
import type { GraphBuilder, Value } from './builder.js';
import { findBackbone } from './models/index.js';
import type { Layers } from './nn.js';
import { l2Normalize } from './ops/linear.js';
import type { NetworkOptions } from './options.js';

/** ImageNet's statistics, in the order R, G, B, of values in [0, 1]. */
export const imageNet = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } as const;

const layouts = {
  /** (C, N, H, W), of `TrainingLayers`. */
  CNHW: { perm: [3, 0, 1, 2], perChannel: [3, 1, 1, 1] },
  /** (N, C, H, W), of `InferenceLayers`. */
  NCHW: { perm: [0, 3, 1, 2], perChannel: [1, 3, 1, 1] },
};

/** Decoded images, uint8 [N, H, W, 3], to normalized float32 feature maps: (x / 255 - mean) / std. */
export function imagesToFeatures(g: GraphBuilder, images: Value, layout: keyof typeof layouts): Value {
  return g.scope('images', () => {
    const { perm } = layouts[layout];
    return normalizePlanes(g, g.op('Cast', [g.op('Transpose', [images], { perm })], { to: 1 }), layout);
  });
}

/** Planes of values in 0..255 to normalized feature maps of the same shape. */
export function normalizePlanes(g: GraphBuilder, planes: Value, layout: keyof typeof layouts): Value {
  const { perChannel } = layouts[layout];
  const scale = imageNet.std.map((std) => 1 / (255 * std));
  const shift = imageNet.mean.map((mean, i) => -mean / imageNet.std[i]!);
  const scaled = g.op('Mul', [planes, g.constant('float32', perChannel, scale)]);
  return g.op('Add', [scaled, g.constant('float32', perChannel, shift)]);
}

/** Backbone (`base_net`), linear layer (`dense`) and L2 normalization: feature maps -> [N, embedDim]. */
export function embed(g: GraphBuilder, nn: Layers, features: Value, options: NetworkOptions): Value {
  return embeddingHead(g, nn, backboneFeatures(nn, features, options), options.embedDim);
}

/** Backbone (`base_net`): feature maps -> [N, featDim]. */
export function backboneFeatures(nn: Layers, features: Value, options: NetworkOptions): Value {
  const backbone = findBackbone(options.model);
  if (options.imageSize < backbone.smallest) {
    throw new Error(`the smallest images it can take have ${backbone.smallest} px`);
  }
  return nn.scope('base_net', () => backbone.features(nn, features, options.featDim));
}

/** Linear layer (`dense`) and L2 normalization: what the backbone gives, [N, featDim] -> [N, embedDim]. */
export function embeddingHead(g: GraphBuilder, nn: Layers, hidden: Value, embedDim: number): Value {
  const embeddings = nn.linear('dense', hidden, { out: embedDim });
  return g.scope('normalize', () => l2Normalize(g, embeddings));
}
