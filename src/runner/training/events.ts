/** What a training tells while it runs, and what it returns. */
import type { Precision, Provider } from '../../graph/options.js';
import { printableName } from '../base/printable-name.js';
import type { LeftOut } from '../checkpoints/checkpoint.js';
import type { UsedImages } from '../data/check.js';
import type { EvalStage } from '../evaluation/evaluate.js';
import type { Metrics } from './metrics-file.js';
import type { Recall } from '../evaluation/retrieval-metrics.js';

/** What a training tells, by its `kind`. */
export type TrainEvent =
  /** Every image is decoded once before the training. */
  | { kind: 'check-progress'; split: 'train' | 'val'; done: number; total: number }
  /** Pretrained weights come, in bytes. */
  | { kind: 'download-progress'; file: string; done: number; total: number }
  | {
      kind: 'start';
      /** Classes and images of `train` that are trained with. */
      classes: number;
      images: number;
      /** Images of `train` that can't be read and are left out; a note has named them. */
      skipped: number;
      /** The same of the images that are evaluated with. */
      val: UsedImages;
      stepsPerEpoch: number;
      epochs: number;
      paramCount: number;
      device: Provider;
      /** What the backbone is trained in. */
      precision: Precision;
      /** Images of a batch that go through the network at a time; absent where all do. */
      microBatch?: number;
      /** Epochs finished, steps of the next one done, and steps done since the training began. */
      resumedFrom?: { epoch: number; epochStep: number; step: number };
      /** The best Recall@1 of the run that is resumed, and the steps done at it. */
      best?: { step: number; recall: number };
      /** Of the untrained network, when a run is resumed whose metrics tell it. */
      before?: Recall;
    }
  | {
      kind: 'steps';
      /** 0-based. */
      epoch: number;
      /** Steps done since the training began. */
      step: number;
      /** Steps done of this epoch. */
      stepsDone: number;
      stepsPerEpoch: number;
      /** Means over the steps of this run. */
      loss: number;
      /** What the loss tells, by name: `pairs` of the margin loss. */
      statistics: Readonly<Record<string, number>>;
      lr: number;
      /** Learning rates of the loss's parameters, by name: `beta` of the margin loss. */
      rates: Readonly<Record<string, number>>;
      /** Seconds a step: of computing, and of waiting for images. */
      stepSeconds: number;
      dataSeconds: number;
      /** Steps that this run held. */
      stepsPerRun: number;
      /** Mean L2 norm of the gradients before clipping, with `clipNorm`. */
      gradientNorm?: number;
      /** Steps whose update was left out; `loss` and `statistics` are means over the others. */
      skipped?: number;
      /** In mixed precision: what the last loss was multiplied with for the backward pass, and steps left out since the training began. */
      scaling?: { lossScale: number; leftOut: number };
    }
  | { kind: 'eval-progress'; stage: EvalStage; done: number; total: number }
  | {
      kind: 'eval';
      /** The epoch just finished, 0-based; one before the first for the evaluation before the training. */
      epoch: number;
      /** Steps done since the training began. */
      step: number;
      recall: Recall;
      seconds: number;
    }
  /** At the end of an epoch, with how many epochs are finished. */
  | { kind: 'checkpoint'; path: string; step: number; best: boolean; finished?: number }
  | { kind: 'note'; message: string }
  /** What to try where the options or the result promise little. */
  | { kind: 'advice'; message: string }
  /** Twice a second, whatever else happens. */
  | { kind: 'heartbeat' };

/** Whether an event tells that there is something to save: steps that are done, now or before the training was resumed. */
export const isProgress = (event: TrainEvent): boolean =>
  event.kind === 'steps' || (event.kind === 'start' && event.resumedFrom !== undefined);

/** Who hears of a training, and what ends it; all of it may be left out. */
export interface TrainHooks {
  onEvent?(event: TrainEvent): void;
  /** Hears each line of `metrics.jsonl` once it is written; after going back to an earlier step, steps come again. */
  onMetrics?(lines: readonly Metrics[]): void;
  /** Ends the training after the run of steps that it is in, with a checkpoint. */
  signal?: AbortSignal;
}

/** Hooks that are there. */
export type RunHooks = TrainHooks & Required<Pick<TrainHooks, 'onEvent' | 'signal'>>;

/** Where there are none: nobody hears, and nothing ends the training. */
export const heard = (hooks: TrainHooks): RunHooks => ({
  onEvent: (event) => hooks.onEvent?.(event),
  onMetrics: (lines) => hooks.onMetrics?.(lines),
  signal: hooks.signal ?? new AbortController().signal,
});

/** How a training ended, what it came to, and where its files are. */
export interface TrainResult {
  /** `time-up`: stopped by `maxHours`, with a checkpoint. */
  status: 'done' | 'interrupted' | 'time-up';
  /** Epochs finished, and steps done since the training began; of a run that was interrupted while it opened: 0 steps. */
  epoch: number;
  step: number;
  /** Of the untrained network; of a run that was resumed, as its metrics tell it. */
  before?: Recall;
  /** Of the last evaluation. */
  last?: Recall;
  /** The best Recall@1, and the steps done at it. */
  best?: { step: number; recall: number };
  /** Steps left out since the training began; absent for none. */
  leftOut?: LeftOut;
  files: {
    /** The newest state: what to resume from. */
    checkpoint?: string;
    /** The state of `best`. */
    best?: string;
    metrics?: string;
  };
}

/**
 * How a training that is told to stop ends, whatever told it.
 *
 * @param isBegun whether a step is done
 * @param resume the checkpoint that it goes on from
 */
export function stoppingText(isBegun: boolean, resume: string | undefined): string {
  if (isBegun) return 'stopping with a checkpoint';
  const kept = resume === undefined ? '' : `; ${printableName(resume)} stays as it is`;
  return `stopping, and no ${resume === undefined ? '' : 'further '}step is done yet that could be saved${kept}`;
}
