/** What a training run is made of, with every default resolved; `dws train` fills it from its options. */
import type { Provider, TrainingOptions } from '../../graph/options.js';
import type { Filter, Resize } from '../../graph/preprocessing.js';
import type { ModuleSources } from '../modules/kinds.js';
import type { PublishedVersion } from './published.js';

/** How images become squares: stretched, cropped or padded. */
export type ResizeMode = Resize;
/** Whether decoded images are kept in memory. */
export type CacheMode = 'none' | 'ram';
/** What becomes of classes of fewer images than a batch takes of one: an end, left out, or images more than once. */
export type SmallClasses = 'error' | 'drop' | 'repeat';

/** torchvision's weights, kept in the user's cache, or a file of the user's own. */
export type PretrainedSource =
  | { kind: 'published'; weights: PublishedVersion }
  | {
      kind: 'file';
      path: string;
      /** Which weights, where the file holds several of the network: where they are, or a part of that, as `teacher`. */
      at?: string;
    };

/** What happens at a step whose loss is not finite. */
export type NanPolicy = 'stop' | 'skip' | 'rollback';

export type Tf32 = 'on' | 'off';

/** Where and with how many threads ONNX Runtime runs. */
export interface DeviceOptions {
  device: Provider;
  /** Number of the CUDA device. */
  deviceId: number;
  /** Threads of ONNX Runtime's CPU kernels; belongs to the recorded run, since it changes the last bits. */
  threads: number;
  /** Whether CUDA's products of float32 are of TF32, which keeps 11 bits of each factor. As ONNX Runtime does, `on`, unless given. */
  tf32?: Tf32;
  /** Bytes of the CUDA device's memory that a session may take for what it computes; all that there are unless given. */
  gpuMemLimit?: number;
  /** Without what may come out otherwise each time on CUDA, as far as that can be chosen; on the CPU it is so anyway. */
  deterministic?: boolean;
}

/** How images become arrays. */
export interface ImageOptions {
  resize: ResizeMode;
  /** Height and width of the square that images are resized to, of whose middle the network sees `imageSize`; all of it unless given. */
  resizeTo?: number;
  /** How pixels are weighed; `shifted` is for runs of versions before 0.3. */
  filter: Filter;
  /** Decoder threads; 0 decodes in the calling thread. */
  workers: number;
  cache: CacheMode;
}

/** All options of a training. */
export interface RunOptions
  extends
    Omit<TrainingOptions, 'provider' | 'classes' | 'learnBeta' | 'dropout' | 'skipNotFinite'>,
    DeviceOptions,
    ImageOptions {
  /** Folder with `train/` and `val/`. */
  dataPath: string;
  /** What is taken for validation of data without a split: `classes:0.3`, `images:0.2`; `:7` behind it is a seed. */
  valSplit?: string;
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
  /** Steps an epoch; as many as one pass over the training images would take unless given. Images are drawn at random. */
  batchNum?: number;
  epochs: number;
  /** Epochs between evaluations; 1 unless given. With 0 there are none, and no validation images are looked for. */
  evalEvery?: number;
  /** First epoch (0-based) when not resuming. */
  startEpoch: number;
  lr: number;
  /** Of the margin loss's beta; 0 keeps it constant. */
  lrBeta: number;
  /** Of the parameters of a loss from a module, by name; what the loss says unless given. */
  lossRates?: Readonly<Record<string, number>>;
  /** Modules that bring parts of the training: each runs, so only what a person names belongs here, never what a file says. */
  modules?: ModuleSources;
  /** Goes on from a checkpoint with modules that have changed since. */
  otherModules?: boolean;
  factor: number;
  /** Epochs at which the learning rates are multiplied by `factor`. */
  steps: number[];
  seed: number;
  /** Of Recall@k; 1 is always among them. 1, 2, 4, 8 and 16 unless given. */
  ks?: number[];
  /** Checkpoint to go on from. */
  resume?: string;
  /** Steps in one call of ONNX Runtime; chosen from the measured step time unless given. */
  stepsPerRun?: number;
  /** Processes among which each batch is divided. */
  ranks?: number;
  /** Steps that ranks take by themselves, each on its share of the batch, before they average; all of them take each step together unless given. */
  syncEvery?: number;
  /** Seconds until a rank that is not heard of ends all of them. */
  rankTimeout?: number;
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
  /** Probability of a training image to be mirrored. */
  flip: number;
  skipBad: boolean;
  smallClasses: SmallClasses;
}
