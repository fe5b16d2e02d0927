/** What is to be trained again to verify a run: as much of it as went on with the same options. */
import { printableName } from '../base/printable-name.js';
import { UserError } from '../base/errors.js';
import type { Metrics } from '../training/metrics-file.js';
import { readMetrics } from '../training/metrics-file.js';
import { isThere } from '../base/is-there.js';
import type { RunOptions } from '../options/run-options.js';
import type { Position } from '../training/setup.js';
import { changedHyperparameters } from './changes.js';
import type { RecordedRun, RunRecord, Segment } from './record.js';

export interface Repetition {
  /** Parts of the run that are repeated, as one: stopping and resuming change no bit. */
  segments: Segment[];
  options: RunOptions;
  /** The last step that is compared. */
  lastStep: number;
  /** The run stopped there, within an epoch. */
  stopsThere: boolean;
  /** Of the run. */
  metrics: Metrics[];
}

const metricsFile = ({ prefix, beside }: RecordedRun): string => beside(`${prefix}metrics.jsonl`);

/** @throws UserError when there are none or they are damaged */
export const recordedMetrics = (run: RecordedRun): Promise<Metrics[]> => readMetrics(metricsFile(run));

/** The parts that have the options of the first one, up to the first that has not. */
function partsAlike(segments: readonly Segment[]): { alike: Segment[]; other: Segment | undefined } {
  const [first] = segments;
  const place = segments.findIndex(
    ({ hyperparameters }) => changedHyperparameters(first!.hyperparameters, hyperparameters).length > 0,
  );
  return place < 0
    ? { alike: [...segments], other: undefined }
    : { alike: segments.slice(0, place), other: segments[place] };
}

/** Where a run that was killed had come to, by its metrics, or without them by the epochs that it had finished. */
function positionOf(
  metrics: readonly Metrics[],
  { from, stepsPerEpoch }: Segment,
  finished: RunRecord['epochs'][number] | undefined,
): Position {
  const line = metrics.at(-1);
  if (!line) return finished ? { epoch: finished.epoch, epochStep: 0, step: finished.step } : from;
  const { step } = line;
  return line.kind === 'eval'
    ? { epoch: line.epoch + 1, epochStep: 0, step }
    : { epoch: line.epoch, epochStep: step - stepsPerEpoch * (line.epoch - from.epoch), step };
}

const textOf = ([first, second]: Segment[]): string =>
  changedHyperparameters(first!.hyperparameters, second!.hyperparameters)
    .map(({ name, was, now }) => `${name} ${now}, was ${was}`)
    .join('; ');

/**
 * @param epochs verifies so many, counted from the beginning of the training as by `--epochs` of `dws train`; all of the run
 *   unless given
 * @throws UserError for a run that can't be repeated or has not so many epochs
 */
export async function planRepetition(run: RecordedRun, epochs?: number): Promise<Repetition> {
  const { record, file } = run;
  const first = record.segments[0]!;
  const { from, stepsPerEpoch } = first;
  if (from.step > 0) {
    throw new UserError(
      `${file} begins at step ${from.step}, from ${printableName(first.options.resume ?? 'a checkpoint')}: what came before is not ` +
        `recorded here, and can't be repeated. Verify the run that wrote that checkpoint.`,
    );
  }
  const metrics = (await isThere(metricsFile(run))) ? await recordedMetrics(run) : [];
  const finished = record.epochs.at(-1);
  if (!metrics.some(({ kind }) => kind === 'step') && !finished) {
    throw new UserError(
      `${metricsFile(run)} holds no step, and ${file} no checkpoint of a finished epoch: there is nothing to compare with.`,
    );
  }
  const { alike, other } = partsAlike(record.segments);
  const end = alike.at(-1)!.to ?? positionOf(metrics, first, finished);
  const isWithin = end.epochStep > 0;
  const there = isWithin && !other ? end.epoch + 1 : end.epoch;
  if (other && (epochs ?? Infinity) > end.epoch) {
    throw new UserError(
      `${file} went on with other options at step ${other.from.step} (${textOf([first, other])}), which can't be repeated ` +
        `in one run. ` +
        (end.epoch > from.epoch ? `Verify what came before with --epochs ${end.epoch}.` : 'Nothing came before it.'),
    );
  }
  const wanted = epochs ?? there;
  if (wanted > there || wanted <= from.epoch) {
    throw new UserError(`--epochs ${wanted}: the run has epochs ${from.epoch + 1} to ${there}. Give one of these.`);
  }
  const stopsThere = isWithin && wanted > end.epoch;
  return {
    segments: alike,
    options: { ...first.options, epochs: wanted },
    lastStep: stopsThere ? end.step : stepsPerEpoch * (wanted - from.epoch),
    stopsThere,
    metrics,
  };
}
