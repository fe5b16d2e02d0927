/** What the graphs are built from. Every field is resolved: defaults belong to the runner. */
import type { OptionValue } from './declarations.js';

/** Where a graph will run; picks the lowering of each operator (see `lowerings/`). */
export const providers = ['cpu', 'cuda', 'webgpu'] as const;
export type Provider = (typeof providers)[number];

/** What the backbone computes in while it is trained: `fp16` is mixed, see `step/loss-scale.ts`. */
export type Precision = 'fp32' | 'fp16';

/** A backbone with its embedding head. */
export interface NetworkOptions {
  /** torchvision's name, for example `resnet50`. */
  model: string;
  /** Outputs of the backbone's last layer. */
  featDim: number;
  /** Outputs of the head: the embedding's dimension. */
  embedDim: number;
  /** Height and width of the square input, in pixels. */
  imageSize: number;
  /** What images are normalized by, R, G, B, of values in [0, 1]; ImageNet's unless given. */
  mean?: readonly number[];
  std?: readonly number[];
  /** Values of the options that a backbone from elsewhere declares. */
  backboneOptions?: Readonly<Record<string, OptionValue>>;
}

/** Names of the optimizers that are here. */
export type OptimizerName = 'sgd' | 'adam';

/** One training run's graph options; learning rates, uniforms and data are inputs of the graphs instead. */
export interface TrainingOptions extends NetworkOptions {
  /** Images a step; a multiple of `batchK`. */
  batchSize: number;
  /**
   * Images that are embedded at a time: a batch larger than memory goes through the network in pieces, twice, and the loss is that of
   * the whole. Batch statistics are each piece's own. All of the batch unless given.
   */
  microBatch?: number;
  /** Consecutive images of one class in a batch. */
  batchK: number;
  /** Number of classes: the length of beta. */
  classes: number;
  /** Margin of the loss (alpha in the paper). */
  margin: number;
  /** Weight of the regularisation of beta. */
  nu: number;
  /** Initial boundary between positives and negatives. */
  beta: number;
  /** False keeps beta at its initial value (`--lr-beta 0`). */
  learnBeta: boolean;
  /** Probability of an element to be zeroed by the model's dropout layers, where it has some; see `ops/dropout.ts`. */
  dropout: number;
  /** Normalizes by the running statistics, which stay as they are (PyTorch's `bn.eval()`); weight and bias still learn. */
  freezeBn: boolean;
  /** The learning rate of the backbone but for its last layer, as a multiple of the network's. */
  backboneLrMult: number;
  /** Rescales the log-weights of a batch to [0, 1] before sampling. */
  normalizeWeights: boolean;
  /** Name of the loss; `margin` unless given. */
  loss?: string;
  /** Name of the sampling; `distance-weighted` unless given, for a loss that takes tuples. */
  sampling?: string;
  /** Name of the optimizer, such as `sgd` or `adam`. */
  optimizer: string;
  /** Values of the options that definitions from elsewhere declare; those of the parts that are here are fields of this. */
  lossOptions?: Readonly<Record<string, OptionValue>>;
  samplingOptions?: Readonly<Record<string, OptionValue>>;
  optimizerOptions?: Readonly<Record<string, OptionValue>>;
  /** SGD's momentum, of the network and of the loss's parameters. */
  momentum: number;
  /** L2 weight decay, of the network and of the loss's parameters. */
  weightDecay: number;
  /**
   * The gradient of all of the network's parameters is scaled down to this L2 norm where it is longer; beta's is not part of
   * it. Not clipped when absent.
   */
  clipNorm?: number;
  /** Leaves out the update of a step whose loss or gradient is not finite: the state stays as it was. */
  skipNotFinite?: boolean;
  provider: Provider;
  /** `fp32` unless given. */
  precision?: Precision;
  /** On CUDA: without what may come out otherwise each time. Elsewhere that is so anyway. False unless given. */
  deterministic?: boolean;
}
