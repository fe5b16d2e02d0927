/** Repeats a run and tells whether every bit comes out again. */
import { existsSync } from 'node:fs';
import { DivergedError } from '../training/diverged.js';
import { requireFreshFolder } from '../checkpoints/fresh-folder.js';
import { inTemporaryFolder } from '../base/temporary-folder.js';
import { runTraining } from '../training/train.js';
import type { RunHooks, TrainHooks } from '../training/events.js';
import { heard } from '../training/events.js';
import { verifyDefaults, withDefaults } from '../options/defaults.js';
import type { Change } from './changes.js';
import type { CurveComparison } from './curves.js';
import { compareCurves, curveOf, lineDifference, lineLike } from './curves.js';
import type { RecordedRun } from './record.js';
import type { ModuleSources } from '../modules/kinds.js';
import { requireNamed, suspects } from './modules.js';
import { openRun } from './record.js';
import { openRecorder } from './recorder.js';
import type { Repetition } from './repetition.js';
import { planRepetition, recordedMetrics } from './repetition.js';
import { changesSince, replacedCheckpoints } from './run-changes.js';
import type { CheckpointDifference } from './tensors.js';
import { compareCheckpoints } from './tensors.js';
import { requireRecordedData } from './data-place.js';
import { requirePaths } from '../base/require-paths.js';

/** How a run is repeated; nothing has to be given. */
export interface VerifyOptions {
  /** Verifies so many epochs, counted from the beginning of the training. Default: all of the run. */
  epochs?: number;
  /** Where the data is now. Default: where the run had it. */
  dataPath?: string;
  /** Keeps the repeated run in this folder. Default: it is made in a temporary one. */
  out?: string;
  /** Repeats the run whatever has changed. Default: false. */
  anyway?: boolean;
  /** The modules that the run was trained with, where there are some: its record loads none by itself. */
  modules?: ModuleSources;
}

/** What a verification tells, and how it is stopped; all of it may be left out. */
export interface VerifyHooks extends TrainHooks {
  /** Images hashed, before the training. */
  onHashed?(done: number, total: number): void;
  /** Called once, before the training: what is another thing than at the run. */
  onChanges?(changes: Change[], repetition: Repetition): void;
}

export interface WeightsComparison {
  /** Checkpoints of finished epochs that both have. */
  checkpoints: number;
  /** The first of them that differs: epochs finished, steps done. */
  first?: { epoch: number; step: number };
  /** Where the run's own file of that checkpoint is still there. */
  tensors?: CheckpointDifference;
}

/** Whether a run came out again, and if not, what may be why. */
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
  /** What is not recorded of the run's modules and may be another thing, in words. */
  suspects: string[];
  /** Losses and Recall@k of the run (a) and the repeated one (b). */
  curves?: CurveComparison;
  weights?: WeightsComparison;
}

const NOTHING_KEPT = { savePrefix: '', keep: 0, resume: undefined, maxHours: undefined, tensorboard: false } as const;

/** Trains until the end, or the first line that differs. */
async function repeat(
  { options, metrics, lastStep, stopsThere }: Repetition,
  out: string,
  hooks: RunHooks,
): Promise<void> {
  const curve = curveOf(metrics);
  const stop = new AbortController();
  // Going back replaces lines, and only the last ones are recorded.
  const endsEarly = options.nanPolicy !== 'rollback';
  try {
    await runTraining(
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
      [openRecorder],
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

const distinctTexts = (texts: readonly string[]): string[] => [...new Set(texts)];

/** Makes the folder of the repeated run, and removes it when it is a temporary one. */
async function inFolder<T>(out: string | undefined, body: (folder: string) => Promise<T>): Promise<T> {
  if (out !== undefined) {
    await requireFreshFolder(out, '');
    return body(out);
  }
  return inTemporaryFolder('dws-verify', body);
}

/**
 * Repeats a run, or its first epochs, and compares each loss, each Recall@k and each epoch's checkpoint with it.
 *
 * @param folder the run's folder, or its `run.json`
 * @throws UserError for a run that can't be read or repeated, and what `train` throws
 */
export async function verifyRun(
  folder: string,
  given: VerifyOptions = {},
  hooks: VerifyHooks = {},
): Promise<Verification> {
  const options = withDefaults('verifyRun', given, verifyDefaults);
  requirePaths('verifyRun', { folder });
  const run = await openRun(folder);
  const planned = await planRepetition(run, options.epochs);
  requireNamed(planned.segments, options.modules ?? {}, run.file);
  const repetition = {
    ...planned,
    // Modules are the caller's, never the record's.
    options: { ...planned.options, dataPath: options.dataPath ?? planned.options.dataPath, modules: options.modules },
  };
  if (options.dataPath === undefined) await requireRecordedData(planned.options.dataPath);
  const listeners = heard(hooks);
  const { signal } = listeners;
  const onProgress = (done: number, total: number) => hooks.onHashed?.(done, total);
  try {
    const changes = await changesSince(run, repetition, { signal, onProgress, fresh: true }, options.anyway);
    const replaced = await replacedCheckpoints(run, signal);
    hooks.onChanges?.([...changes, ...replaced], repetition);
    const found = { changes, replaced, suspects: distinctTexts(repetition.segments.flatMap(suspects)) };
    if (!options.anyway && [...changes, ...replaced].some(({ decides }) => decides))
      return { outcome: 'changed', ...found };
    return await inFolder(options.out, async (out) => {
      await repeat(repetition, out, listeners);
      if (signal.aborted) return { outcome: 'interrupted', ...found };
      const again = await openRun(out);
      const curves = compareCurves(repetition.metrics, await recordedMetrics(again), repetition.lastStep);
      const weights = await compareWeights(run, again, repetition.lastStep);
      // A step that the run has no line of, as after a power cut, is nothing to differ from.
      // Without metrics, the checkpoints tell.
      const isCompared = curves.steps > 0 || weights.checkpoints > 0;
      const isSame = !curves.first && curves.onlyA === 0 && isCompared && !weights.first && replaced.length === 0;
      return { outcome: isSame ? 'identical' : 'differs', ...found, curves, weights };
    });
  } catch (error) {
    if (signal.aborted && error === signal.reason)
      return { outcome: 'interrupted', changes: [], replaced: [], suspects: [] };
    throw error;
  }
}
