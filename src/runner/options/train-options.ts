/** The options of a training as a program gives them: what is not given is as on the command line. */
import type { Precision, Provider } from '../../graph/options.js';
import type { Filter } from '../../graph/preprocessing.js';
import type {
  CacheMode,
  NanPolicy,
  PretrainedSource,
  ResizeMode,
  RunOptions,
  SmallClasses,
  Tf32,
} from './run-options.js';

/** Of everything but `dataPath`, the default is as in `defaults.ts`; a test holds the numbers that are told here to it. */
export interface TrainOptions extends Partial<RunOptions> {
  /**
   * Folder with `train/CLASS/*` and `val/CLASS/*`, another data set that `openData` knows, or a CSV file of `path,label,split`. Has to
   * be given, but for a run that is resumed: then by default where that had it.
   */
  dataPath?: string;
  /**
   * Takes some of data without a split of its own for validation: `classes:0.3` whole classes, `images:0.2` images of each; `:7` behind
   * it is a seed. Default: the split that the data has.
   */
  valSplit?: string;
  /** Folder for checkpoints, metrics and `run.json`. Default: `runs/MODEL-SEED`, or the folder of the checkpoint in `resume`. */
  out?: string;
  /**
   * Checkpoint to go on from, or a run's folder for its newest whole one, with the options that the run has recorded where none are
   * given here. `auto`: the newest whole one in `out`, and a training from the start where there is none.
   */
  resume?: string;
  /** Put before the names of checkpoint files and metrics. Default: none. */
  savePrefix?: string;

  /** Backbone, by torchvision's name. Default: resnet50. */
  model?: string;
  /** Outputs of the backbone's last layer. Default: 512. */
  featDim?: number;
  /** Dimension of the embedding. Default: 128. */
  embedDim?: number;
  /** Height and width of the input, in pixels. Default: what the model was designed for, 224; 299 for inception_v3. */
  imageSize?: number;
  /** What is subtracted from red, green and blue, in [0, 1]. Default: ImageNet's. */
  mean?: readonly number[];
  /** What they are divided by then. Default: ImageNet's. */
  std?: readonly number[];
  /** Probability of dropout, in multiples of 1/256. Default: 0.5 in the models that have it. */
  dropout?: number;
  /** Batch normalization uses and keeps its running statistics. Default: false. */
  freezeBn?: boolean;
  /** What the backbone computes in while it is trained; fp16 is mixed precision, for GPUs. Default: fp32. */
  precision?: Precision;
  /** Weights to begin with. Default: random ones. */
  pretrained?: PretrainedSource;

  /** Images a step; a multiple of `batchK`. Default: 70. */
  batchSize?: number;
  /**
   * Images that go through the network at a time: for batches larger than memory. The loss is that of the whole batch; batch
   * normalization takes the statistics of each piece. Default: all of the batch.
   */
  microBatch?: number;
  /** Images of each class in a batch. Default: 5. */
  batchK?: number;
  /** Length of beta. Default: the classes in `train`. */
  classes?: number;
  /** What becomes of classes of fewer than `batchK` images. Default: error. */
  smallClasses?: SmallClasses;
  /** How images become squares: stretched, cropped (`cover`) or padded (`contain`). Default: stretch. */
  resize?: ResizeMode;
  /** Height and width of the squares that images become, of which the middle `imageSize` is seen. Default: `imageSize`. */
  resizeTo?: number;
  /** How pixels are weighed: `triangle`, or `shifted` as by versions before 0.3. Default: triangle. */
  filter?: Filter;
  /** Probability of an image to be mirrored; 0 for never. Default: 0.5. */
  flip?: number;
  /** Threads that decode images; 0 decodes in the calling thread. Default: 4. */
  workers?: number;
  /** Whether decoded images are kept in memory. Default: none. */
  cache?: CacheMode;
  /** Leaves out files that are no readable images, instead of stopping. Default: false. */
  skipBad?: boolean;

  /** Margin of the loss. Default: 0.2. */
  margin?: number;
  /** Initial boundary between positives and negatives, a distance. Default: 1.2. */
  beta?: number;
  /** Weight of the regularization of beta, where it learns. Default: 0. */
  nu?: number;
  /** Learning rate of beta; 0 keeps it constant. Default: 0.1. */
  lrBeta?: number;
  /** Rescales a batch's log-weights to [0, 1] before sampling. Default: false. */
  normalizeWeights?: boolean;

  /** Optimizer of the network: `sgd` or `adam`. Default: sgd. */
  optimizer?: string;
  /** Learning rate of the network. Default: 0.0001. */
  lr?: number;
  /** Momentum of SGD. Default: 0.9. */
  momentum?: number;
  /** L2 weight decay. Default: 0.0001. */
  weightDecay?: number;
  /** L2 norm that longer gradients are scaled down to. Default: none are. */
  clipNorm?: number;
  /** Learning rate of the backbone but for its last layer, as a multiple of `lr`. Default: 1. */
  backboneLrMult?: number;

  /** Epochs in all, those of a resumed training included. Default: 20. */
  epochs?: number;
  /** Epochs between evaluations; 0 for none, and without validation images. Default: 1. */
  evalEvery?: number;
  /**
   * Steps an epoch. Default: as many as one pass over the training images would take. Images are drawn at random: an epoch of so many
   * steps sees about two thirds of them, some more than once.
   */
  batchNum?: number;
  /** First epoch, counted from 0, when not resuming. Default: 0. */
  startEpoch?: number;
  /** Epochs, counted from 0, at which the learning rates are multiplied by `factor`. Default: 20,40,60. */
  steps?: number[];
  /** Default: 0.5. */
  factor?: number;
  /** Seed of weights, batches, flips and sampling. Default: 0. */
  seed?: number;

  /** Of Recall@k. 1 is always among them: Recall@1 decides which checkpoint is the best. Default: 1,2,4,8,16. */
  ks?: number[];

  /** Checkpoints of finished epochs that are kept. Default: 0. */
  keep?: number;
  /** Steps between checkpoints within an epoch. Default: none but at its end. */
  checkpointEvery?: number;
  /** Stops with a checkpoint after so many hours. Default: no limit. */
  maxHours?: number;
  /**
   * Where a loss is not finite: ends the training, leaves the step out, or goes back to the last checkpoint and on with other random
   * numbers. Default: stop.
   */
  nanPolicy?: NanPolicy;
  /** Writes TensorBoard's event files into `out`. Default: false. */
  tensorboard?: boolean;
  /** Steps a call of ONNX Runtime. Default: about a second of them. */
  stepsPerRun?: number;
  /** Processes among which each batch is divided; they have been started by mpirun. Default: as many as have been. */
  ranks?: number;
  /**
   * Steps that each rank takes by itself, on its share of a batch and with negatives from there, until all of them average what they have
   * learned: for slow networks. Default: every step is one of all ranks on the whole batch, as with 0.
   */
  syncEvery?: number;
  /** Seconds after which a rank that is not heard of ends the training. Default: five minutes of them. */
  rankTimeout?: number;
  /** Steps between lines of progress on the command line. Default: 20. */
  printFreq?: number;

  /** Execution provider of ONNX Runtime. Default: cpu. */
  device?: Provider;
  /** Number of the CUDA device. Default: 0. */
  deviceId?: number;
  /** Threads of ONNX Runtime on the CPU; the same number gives the same bits. Default: all of this machine. */
  threads?: number;
  /** Whether CUDA's products are of TF32, which keeps 11 bits of each factor. Default: on, as ONNX Runtime has it. */
  tf32?: Tf32;
  /** Bytes of the CUDA device's memory that a session may take for what it computes. Default: all that there are. */
  gpuMemLimit?: number;
  /** Without what may come out otherwise each time on CUDA, as far as that can be chosen; slower. Default: false. */
  deterministic?: boolean;
}
