/** How a training step takes its images, all at once or in pieces. */
import type { GraphBuilder, Value } from '../builder/builder.js';
import { randomDropout } from '../ops/dropout.js';
import type { TrainingOptions } from '../options.js';
import type { Parts } from '../parts/parts.js';
import type { Pieces } from '../step/micro-batches.js';
import { embed, embeddingHead, imagesToFeatures } from '../step/network.js';
import type { NetworkParts } from '../step/passes.js';
import type { Piece } from '../step/piece.js';

/** How `training_model.onnx` takes its images: decoded bytes, or feature maps that are normalized already. */
export type ImageInput = 'uint8-nhwc' | 'float32-nchw';

/** Images, a row for each, and how they become feature maps (C, N, H, W). */
export interface Images {
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

/** The network on feature maps. @param ofBatch where their images are in the batch whose dropout's bytes are given; the whole unless given */
function networkOn(
  g: GraphBuilder,
  { features, dropout, ofBatch }: { features: Value; dropout: Value | null; ofBatch?: Piece },
  { backbone }: Pick<Parts, 'backbone'>,
  options: TrainingOptions,
): NetworkParts {
  const { provider, freezeBn, precision } = options;
  return {
    network: (layers) => embed(g, layers, features, options, backbone, precision),
    mode: {
      provider,
      batchNorm: freezeBn ? 'running' : 'batch',
      dropout: dropout ? randomDropout(dropout, options.dropout, ofBatch) : undefined,
    },
  };
}

/** The head alone, on what a frozen backbone has given for the images, [N, featDim]. */
export const onFeatures =
  (g: GraphBuilder, features: Value, { provider, embedDim }: TrainingOptions) =>
  (): NetworkParts => ({
    network: (layers) => embeddingHead(g, layers, features, embedDim),
    mode: { provider },
  });

/** Images of a batch, of which a piece goes through the network. */
export interface OfPiece {
  images: Images;
  /** Bytes of the whole batch. */
  dropout: Value | null;
  /** Of the images. */
  piece: Piece;
  /** The same piece where the bytes are counted. */
  ofBatch: Piece;
}

export const networkOnPiece = (
  g: GraphBuilder,
  { images: { rows, toFeatures }, dropout, piece, ofBatch }: OfPiece,
  parts: Pick<Parts, 'backbone'>,
  options: TrainingOptions,
): NetworkParts => networkOn(g, { features: toFeatures(g, piece.rows(g, rows)), dropout, ofBatch }, parts, options);

/** The network on the images of a step, given the bytes of its dropout. */
export function onImages(
  g: GraphBuilder,
  images: Images,
  parts: Pick<Parts, 'backbone'>,
  options: TrainingOptions,
): (dropout: Value | null) => NetworkParts | { pieces: Pieces } {
  const { batchSize, microBatch: size = batchSize } = options;
  if (size >= batchSize) {
    const features = images.toFeatures(g, images.rows);
    return (dropout) => networkOn(g, { features, dropout }, parts, options);
  }
  const on = (dropout: Value | null) => (inner: GraphBuilder, piece: Piece) =>
    networkOnPiece(inner, { images, dropout, piece, ofBatch: piece }, parts, options);
  return (dropout) => ({ pieces: { batchSize, size, on: on(dropout) } });
}
