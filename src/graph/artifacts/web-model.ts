/** What a folder written by `dws export --web` says of its model: `dws.json`, read by `dws/web`. */
import type { Preprocessing, Resize } from '../preprocessing.js';

/** How an image becomes a square: squeezed, cropped, or padded with white. */
export type WebResize = Resize;

/** The type that weights are stored in; the network computes in float32 with each. */
export const webVariantNames = ['fp32', 'fp16', 'int8'] as const;
export type WebVariantName = (typeof webVariantNames)[number];

/** One form of the model. Paths are relative to the folder. */
export interface WebVariant {
  name: WebVariantName;
  /** The graph of one image, without its large weights. */
  graph: string;
  /** The weights, which the graph names as external data. */
  weights: string;
  /** Size of graph and weights together. */
  bytes: number;
  /** Of the embeddings with those of fp32, over the validation images; absent when it was not measured. */
  cosine?: { mean: number; lowest: number };
  /** In [0, 1], on the validation images; absent when it was not measured. */
  recallAt1?: number;
}

/** The file of a `WebModelInfo`, at the top of the folder. */
export const webModelFile = 'dws.json';

export interface WebModelInfo {
  format: 1;
  /** First 16 hexadecimal digits of the SHA-256 of the fp32 weights and the network's JSON; galleries carry it. */
  modelHash: string;
  /** Name of the backbone. */
  model: string;
  /** Height and width in pixels of what the network sees of an image, after the graph has resized it. */
  imageSize: number;
  /** Length of `features`. */
  featDim: number;
  /** Length of `embeddings`. */
  embedDim: number;
  resize: WebResize;
  /** All that happens to an image, most of it inside the graph; folders that versions before 0.3 wrote do not say. */
  preprocessing?: Preprocessing;
  /** fp32 first. */
  variants: WebVariant[];
  /** Steps of the training. */
  step: number;
  /** Recall@k in [0, 1] by k, on the validation images; absent when it was not measured. */
  recall?: Record<string, number>;
  /**
   * The last linear layer, `dense`: embeddings = normalize(features weight^T + bias). Little-endian float32 values in a
   * file, offsets in bytes, multiples of 4.
   */
  head: {
    /** Relative to the folder. */
    weights: string;
    /** [embedDim, featDim], row-major. */
    weight: { offset: number; shape: [number, number] };
    bias: { offset: number; shape: [number] };
  };
}
