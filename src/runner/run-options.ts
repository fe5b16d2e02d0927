/** What a training run is made of, with every default resolved; `dws train` fills it from its options. */
import type { Provider, TrainingOptions } from '../graph/options.js';
import type { PretrainedSource } from './pretrained/load.js';

export type ResizeMode = 'stretch' | 'cover' | 'contain';
export type CacheMode = 'none' | 'ram';
export type SmallClasses = 'error' | 'drop' | 'repeat';

/** What happens at a step whose loss is not finite. */
export type NanPolicy = 'stop' | 'skip' | 'rollback';

/** Where and with how many threads ONNX Runtime runs. */
export interface DeviceOptions {
  device: Provider;
  /** Number of the CUDA device. */
  deviceId: number;
  /** Threads of ONNX Runtime's CPU kernels; belongs to the recorded run, since it changes the last bits. */
  threads: number;
}

/** How images become arrays. */
export interface ImageOptions {
  resize: ResizeMode;
  /** Decoder threads; 0 decodes in the calling thread. */
  workers: number;
  cache: CacheMode;
}

export interface RunOptions
  extends
    Omit<TrainingOptions, 'provider' | 'classes' | 'learnBeta' | 'dropout' | 'skipNotFinite'>,
    DeviceOptions,
    ImageOptions {
  /** Folder with `train/` and `val/`. */
  dataPath: string;
  /** Folder for checkpoints and metrics. */
  out: string;
  /** Put before the names of checkpoint files. */
  savePrefix: string;
  /** Probability of dropout; 0.5 in models that have it unless given. */
  dropout?: number;
  /** Weights to begin with; random ones unless given. */
  pretrained?: PretrainedSource;
  /** Length of beta; what the data holds unless given. */
  classes?: number;
  /** Steps an epoch; one pass over the training images unless given. */
  batchNum?: number;
  epochs: number;
  /** First epoch (0-based) when not resuming. */
  startEpoch: number;
  lr: number;
  /** 0 keeps beta constant. */
  lrBeta: number;
  factor: number;
  /** Epochs at which the learning rates are multiplied by `factor`. */
  steps: number[];
  seed: number;
  /** Checkpoint to go on from. */
  resume?: string;
  /** Steps in one call of ONNX Runtime; chosen from the measured step time unless given. */
  stepsPerRun?: number;
  /** Steps between progress lines. */
  printFreq: number;
  /** Checkpoints of earlier epochs to keep. */
  keep: number;
  /** Steps between checkpoints within an epoch; none but at its end unless given. */
  checkpointEvery?: number;
  /** Stops with a checkpoint after so many hours. */
  maxHours?: number;
  /** `stop` unless given. `rollback` saves a first checkpoint before the first step. */
  nanPolicy?: NanPolicy;
  /** Writes TensorBoard's event files into `out`. */
  tensorboard?: boolean;
  skipBad: boolean;
  smallClasses: SmallClasses;
}
