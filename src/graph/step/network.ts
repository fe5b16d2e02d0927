/** The network around a backbone: images in, L2-normalized embeddings out. */
import type { GraphBuilder, Value } from '../builder/builder.js';
import { inPart } from '../declarations.js';
import type { Backbone } from '../models/backbone.js';
import { checkedLayers } from '../nn/checked.js';
import type { Layers } from '../nn/layers.js';
import { l2Normalize } from '../ops/linear.js';
import type { NetworkOptions, Precision } from '../options.js';
import type { Normalization } from '../preprocessing.js';
import { normalizationOf } from '../preprocessing.js';
import { requireFeatures } from './returned.js';

const layouts = {
  /** (C, N, H, W), of `TrainingLayers`. */
  CNHW: { perm: [3, 0, 1, 2], perChannel: [3, 1, 1, 1] },
  /** (N, C, H, W), of `InferenceLayers`. */
  NCHW: { perm: [0, 3, 1, 2], perChannel: [1, 3, 1, 1] },
};

/** Decoded images, uint8 [N, H, W, 3], to normalized float32 feature maps: (x / 255 - mean) / std. */
export function imagesToFeatures(
  g: GraphBuilder,
  images: Value,
  layout: keyof typeof layouts,
  normalization: Partial<Normalization> = {},
): Value {
  return g.scope('images', () => {
    const { perm } = layouts[layout];
    const planes = g.op('Cast', [g.op('Transpose', [images], { perm })], { to: 'float32' });
    return normalizePlanes(g, planes, layout, normalization);
  });
}

/**
 * Planes of values in 0..255 to normalized feature maps of the same shape.
 *
 * @param normalization ImageNet's where it says none
 */
export function normalizePlanes(
  g: GraphBuilder,
  planes: Value,
  layout: keyof typeof layouts,
  normalization: Partial<Normalization> = {},
): Value {
  const { perChannel } = layouts[layout];
  const { mean: means, std: deviations } = normalizationOf(normalization);
  const scale = deviations.map((std) => 1 / (255 * std));
  const shift = means.map((mean, i) => -mean / deviations[i]!);
  const scaled = g.op('Mul', [planes, g.constant('float32', perChannel, scale)]);
  return g.op('Add', [scaled, g.constant('float32', perChannel, shift)]);
}

/** A backbone's layer among all of a network's. */
export const backbonePath = (layer: string): string => `base_net.${layer}`;

/**
 * Backbone (`base_net`), linear layer (`dense`) and L2 normalization: feature maps -> [N, embedDim].
 *
 * @param precision `fp16`: the backbone, of layers that take float16 as well
 */
export function embed(
  g: GraphBuilder,
  nn: Layers,
  features: Value,
  options: NetworkOptions,
  backbone: Backbone,
  precision: Precision = 'fp32',
): Value {
  const hidden = (images: Value) => backboneFeatures(nn, images, options, backbone);
  const given =
    precision === 'fp32'
      ? hidden(features)
      : g.op('Cast', [hidden(g.op('Cast', [features], { to: 'float16' }))], { to: 'float32' });
  return embeddingHead(g, nn, given, options.embedDim);
}

/** Backbone (`base_net`): feature maps -> [N, featDim]. @throws Error when the images are too small for it */
export function backboneFeatures(nn: Layers, features: Value, options: NetworkOptions, backbone: Backbone): Value {
  if (options.imageSize < backbone.smallest) {
    throw new Error(`the smallest images it can take have ${backbone.smallest} px`);
  }
  return inPart('backbone', () => {
    const made = nn.scope('base_net', () => backbone.features(checkedLayers(nn), features, options.featDim));
    requireFeatures(made, options.featDim);
    return made;
  });
}

/** Linear layer (`dense`) and L2 normalization: what the backbone gives, [N, featDim] -> [N, embedDim]. */
export function embeddingHead(g: GraphBuilder, nn: Layers, hidden: Value, embedDim: number): Value {
  const embeddings = nn.linear('dense', hidden, { out: embedDim });
  return g.scope('normalize', () => l2Normalize(g, embeddings));
}
