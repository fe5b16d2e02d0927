/** How a training step takes its images, all at once or in pieces. */
import type { GraphBuilder, Value } from '../builder/builder.js';
import type { TrainingMode } from '../nn/training.js';
import { randomDropout } from '../ops/dropout.js';
import type { TrainingOptions } from '../options.js';
import type { Parts } from '../parts/parts.js';
import type { Pieces } from '../step/micro-batches.js';
import { embed, imagesToFeatures } from '../step/network.js';
import type { NetworkParts } from '../step/passes.js';
import type { Piece } from '../step/piece.js';

/** How `training_model.onnx` takes its images: decoded bytes, or feature maps that are normalized already. */
export type ImageInput = 'uint8-nhwc' | 'float32-nchw';

/** Images, a row for each, and how they become feature maps (C, N, H, W). */
interface Images {
  rows: Value;
  toFeatures: (g: GraphBuilder, rows: Value) => Value;
}

/** Decoded bytes, uint8 [N, H, W, 3]. */
export const decoded = (rows: Value, options: TrainingOptions): Images => ({
  rows,
  toFeatures: (g, some) => imagesToFeatures(g, some, 'CNHW', options),
});

/** The input `images`. */
export function imageInput(g: GraphBuilder, options: TrainingOptions, input: ImageInput): Images {
  const { batchSize, imageSize } = options;
  if (input === 'uint8-nhwc') {
    return decoded(g.input('images', 'uint8', [batchSize, imageSize, imageSize, 3]), options);
  }
  const rows = g.input('images', 'float32', [batchSize, 3, imageSize, imageSize]);
  return { rows, toFeatures: (g, some) => g.op('Transpose', [some], { perm: [1, 0, 2, 3] }) };
}

/** The network on the images of a step, given the bytes of its dropout. */
export function onImages(
  g: GraphBuilder,
  { rows, toFeatures }: Images,
  { backbone }: Pick<Parts, 'backbone'>,
  options: TrainingOptions,
): (dropout: Value | null) => NetworkParts | { pieces: Pieces } {
  const { provider, batchSize, freezeBn, precision, microBatch: size = batchSize } = options;
  const partsOf = (inner: GraphBuilder, features: Value, dropout: Value | null, piece?: Piece): NetworkParts => ({
    network: (layers) => embed(inner, layers, features, options, backbone, precision),
    mode: {
      provider,
      batchNorm: freezeBn ? 'running' : 'batch',
      dropout: dropout ? randomDropout(dropout, options.dropout, piece) : undefined,
    } satisfies TrainingMode,
  });
  if (size >= batchSize) {
    const features = toFeatures(g, rows);
    return (dropout) => partsOf(g, features, dropout);
  }
  const on = (dropout: Value | null) => (inner: GraphBuilder, piece: Piece) =>
    partsOf(inner, toFeatures(inner, piece.rows(inner, rows)), dropout, piece);
  return (dropout) => ({ pieces: { batchSize, size, on: on(dropout) } });
}
