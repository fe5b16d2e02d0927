/** A training as `dws train` runs it: recorded, and with `tensorboard` shown there. */
import { inTemporaryFolder } from '../base/temporary-folder.js';
import type { RunOptions } from '../options/run-options.js';
import type { TrainOptions } from '../options/train-options.js';
import { openAdviser } from './advice.js';
import { openRecorder } from '../reproduce/recorder.js';
import { openBoard } from '../tensorboard/training-board.js';
import type { TrainHooks, TrainResult } from '../training/events.js';
import { heard } from '../training/events.js';
import { runTraining } from '../training/train.js';
import { isAside } from '../ranks/place.js';
import { prepareTraining } from './prepare-training.js';

/** Trains with options that `prepareTraining` has completed. @throws as `train` */
export const trainPrepared = (options: RunOptions, hooks: TrainHooks = {}): Promise<TrainResult> =>
  isAside() ? trainAlong(options, hooks) : runTraining(options, heard(hooks), [openBoard, openRecorder, openAdviser]);

/** A rank beside the first, which tells, records and keeps everything: what this one writes is gone at the end. */
async function trainAlong(options: RunOptions, { signal }: TrainHooks): Promise<TrainResult> {
  // A rollback goes to the last checkpoint, of which every rank has its own.
  const checkpointEvery = options.nanPolicy === 'rollback' ? options.checkpointEvery : undefined;
  const own = { ...options, keep: 0, checkpointEvery, tensorboard: false };
  return inTemporaryFolder('dws-rank', (out) => runTraining({ ...own, out }, heard({ signal }), []));
}

/**
 * Trains, and records the run in `run.json`. Equal options (and equal data, device and thread count) give equal checkpoints,
 * bit for bit: whatever `workers`, `cache` and `stepsPerRun` are, and however often the run was stopped and resumed.
 *
 *     const { best, files } = await train({ dataPath: 'data/birds', epochs: 40 });
 *
 * @param options `dataPath`, and what shall not be as `dws train` has it by default
 * @throws UserError for options, data, a checkpoint, a folder or a device that can't be used, a folder that holds another
 *   training, and when a loss or the state is not finite any more; checkpoints written before stay as they are
 */
export async function train(options: TrainOptions, hooks: TrainHooks = {}): Promise<TrainResult> {
  const prepared = await prepareTraining(options);
  for (const message of prepared.notes) hooks.onEvent?.({ kind: 'note', message });
  return trainPrepared(prepared.options, hooks);
}
