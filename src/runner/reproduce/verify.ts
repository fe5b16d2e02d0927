/** Repeats a run and tells whether every bit comes out again. */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { DivergedError } from '../diverged.js';
import { fileError } from '../files.js';
import { requireFreshFolder } from '../fresh-folder.js';
import { train } from '../train.js';
import type { TrainHooks } from '../train-events.js';
import type { Change } from './changes.js';
import type { CurveComparison } from './curves.js';
import { compareCurves, curveOf, lineDifference, lineLike } from './curves.js';
import type { RecordedRun } from './record.js';
import { openRun } from './record.js';
import type { Repetition } from './repetition.js';
import { planRepetition, recordedMetrics } from './repetition.js';
import { changesSince, replacedCheckpoints } from './run-changes.js';
import type { CheckpointDifference } from './tensors.js';
import { compareCheckpoints } from './tensors.js';

export interface VerifyOptions {
  /** Verifies so many epochs, counted from the beginning of the training; all of the run unless given. */
  epochs?: number;
  /** Where the data is now. */
  dataPath?: string;
  /** Keeps the repeated run in this folder; otherwise it is made in a temporary one. */
  out?: string;
  /** Repeats the run whatever has changed. */
  anyway?: boolean;
}

export interface VerifyHooks extends TrainHooks {
  /** Images hashed, before the training. */
  onHashed(done: number, total: number): void;
  /** Called once, before the training: what is another thing than at the run. */
  onChanges(changes: Change[], repetition: Repetition): void;
}

export interface WeightsComparison {
  /** Checkpoints of finished epochs that both have. */
  checkpoints: number;
  /** The first of them that differs: epochs finished, steps done. */
  first?: { epoch: number; step: number };
  /** Where the run's own file of that checkpoint is still there. */
  tensors?: CheckpointDifference;
}

export interface Verification {
  /**
   * `changed`: nothing was repeated, because what has changed may change the bits. `differs` is also the word for a run that
   * could be repeated, but whose checkpoints are others than those that it wrote.
   */
  outcome: 'identical' | 'differs' | 'changed' | 'interrupted';
  /** What is another thing than at the run. */
  changes: Change[];
  /** Checkpoints that are not as the run wrote them. */
  replaced: Change[];
  /** Losses and Recall@k of the run (a) and the repeated one (b). */
  curves?: CurveComparison;
  weights?: WeightsComparison;
}

const NOTHING_KEPT = { savePrefix: '', keep: 0, resume: undefined, maxHours: undefined, tensorboard: false } as const;

/** Trains until the end, or the first line that differs. */
async function repeat(
  { options, metrics, lastStep, stopsThere }: Repetition,
  out: string,
  hooks: TrainHooks,
): Promise<void> {
  const curve = curveOf(metrics);
  const stop = new AbortController();
  // Going back replaces lines, and only the last ones are recorded.
  const endsEarly = options.nanPolicy !== 'rollback';
  try {
    await train(
      { ...options, ...NOTHING_KEPT, out },
      {
        onEvent: (event) => hooks.onEvent(event),
        onMetrics: (lines) => {
          for (const line of lines) {
            const recorded = lineLike(curve, line);
            const differs = endsEarly && recorded && lineDifference(recorded, line);
            if (differs || (stopsThere && line.step >= lastStep)) stop.abort();
          }
        },
        signal: AbortSignal.any([hooks.signal, stop.signal]),
      },
    );
  } catch (error) {
    // A run that has diverged does so again, and the numbers up to there are written.
    if (!(error instanceof DivergedError)) throw error;
  }
}

async function compareWeights(run: RecordedRun, again: RecordedRun, lastStep: number): Promise<WeightsComparison> {
  const ours = new Map(again.record.epochs.map((entry) => [entry.epoch, entry]));
  const both = run.record.epochs.filter(({ epoch, step }) => step <= lastStep && ours.has(epoch));
  const first = both.find(({ epoch, sha256 }) => ours.get(epoch)!.sha256 !== sha256);
  if (!first) return { checkpoints: both.length };
  const { epoch, step, sha256 } = first;
  const [file, other] = [run.beside(`${run.prefix}checkpoint.safetensors`), again.beside('checkpoint.safetensors')];
  const isKept =
    run.record.checkpoints.some((kept) => kept.sha256 === sha256 && existsSync(file)) && again.last.to?.step === step;
  return {
    checkpoints: both.length,
    first: { epoch, step },
    ...(isKept && { tensors: await compareCheckpoints(file, other) }),
  };
}

/** Makes the folder of the repeated run, and removes it when it is a temporary one. */
async function inFolder<T>(out: string | undefined, body: (folder: string) => Promise<T>): Promise<T> {
  if (out !== undefined) {
    requireFreshFolder(out, '');
    return body(out);
  }
  const folder = await mkdtemp(path.join(os.tmpdir(), 'dws-verify-')).catch((error: unknown) => {
    throw fileError(`can't make a folder in ${os.tmpdir()}`, error);
  });
  try {
    return await body(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Repeats a run, or its first epochs, and compares each loss, each Recall@k and each epoch's checkpoint with it.
 *
 * @param folder the run's folder, or its `run.json`
 * @throws UserError for a run that can't be read or repeated, and what `train` throws
 */
export async function verifyRun(folder: string, options: VerifyOptions, hooks: VerifyHooks): Promise<Verification> {
  const run = await openRun(folder);
  const planned = await planRepetition(run, options.epochs);
  const repetition = {
    ...planned,
    options: { ...planned.options, dataPath: options.dataPath ?? planned.options.dataPath },
  };
  const { signal } = hooks;
  const onProgress = (done: number, total: number) => hooks.onHashed(done, total);
  try {
    const changes = await changesSince(run, repetition, { signal, onProgress, fresh: true });
    const replaced = await replacedCheckpoints(run, signal);
    hooks.onChanges([...changes, ...replaced], repetition);
    const found = { changes, replaced };
    if (!options.anyway && [...changes, ...replaced].some(({ decides }) => decides))
      return { outcome: 'changed', ...found };
    return await inFolder(options.out, async (out) => {
      await repeat(repetition, out, hooks);
      if (signal.aborted) return { outcome: 'interrupted', ...found };
      const again = await openRun(out);
      const curves = compareCurves(repetition.metrics, await recordedMetrics(again), repetition.lastStep);
      const weights = await compareWeights(run, again, repetition.lastStep);
      const isSame = !curves.first && curves.onlyA + curves.onlyB === 0 && !weights.first && replaced.length === 0;
      return { outcome: isSame ? 'identical' : 'differs', ...found, curves, weights };
    });
  } catch (error) {
    if (signal.aborted && error === signal.reason) return { outcome: 'interrupted', changes: [], replaced: [] };
    throw error;
  }
}
