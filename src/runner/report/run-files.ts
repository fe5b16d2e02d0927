/** What a run's folder holds for a report. */
import type { TrainingState } from '../../graph/state/state.js';
import { basename, dirname, resolve } from 'node:path';
import type { CheckpointMetadata } from '../checkpoints/checkpoint.js';
import type { ImageSet, Split } from '../data/folder.js';
import { openData } from '../data-sets/open-data.js';
import type { RunOptions } from '../options/run-options.js';
import { isThere } from '../base/is-there.js';
import { printableName } from '../base/printable-name.js';
import { UserError } from '../base/errors.js';
import type { Metrics } from '../training/metrics-file.js';
import { readMetrics } from '../training/metrics-file.js';
import type { RecordedRun } from '../reproduce/record.js';
import { requireRecordedData } from '../reproduce/data-place.js';
import { openRun } from '../reproduce/record.js';
import type { TrainedNetwork } from '../checkpoints/trained-network.js';
import type { LoadedModules } from '../modules/kinds.js';
import { loadModules } from '../modules/load.js';
import { loadTraining } from '../checkpoints/trained-network.js';
import type { ReportOptions } from './report-options.js';

export interface LoadedCheckpoint {
  file: string;
  trained: TrainedNetwork;
  /** The whole state, by name. */
  state: TrainingState;
  metadata: CheckpointMetadata;
}

export interface RunFiles {
  run: RecordedRun;
  /** Name of the run's folder, for people. */
  name: string;
  metrics: Metrics[];
  checkpoint: LoadedCheckpoint | undefined;
  /** The splits that could be opened. */
  data: Partial<Record<Split, ImageSet>>;
}

/** What `body` gives; undefined with a note when it throws what a person can mend. */
export async function orNote<T>(notes: string[], what: string, body: () => Promise<T>): Promise<T | undefined> {
  try {
    return await body();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    notes.push(`${what}: ${error.message}`);
    return undefined;
  }
}

const load = async (file: string, modules: LoadedModules): Promise<LoadedCheckpoint> => ({
  file,
  ...(await loadTraining(file, modules)),
});

/** The best checkpoint, or the last one where there is no best or it is damaged. */
async function findCheckpoint(
  { beside, prefix }: RecordedRun,
  modules: LoadedModules,
  notes: string[],
): Promise<LoadedCheckpoint | undefined> {
  let isWritten = false;
  for (const name of ['best', 'checkpoint']) {
    const file = beside(`${prefix}${name}.safetensors`);
    if (!(await isThere(file))) continue;
    isWritten = true;
    const loaded = await orNote(notes, 'A checkpoint can’t be used', () => load(file, modules));
    if (!loaded) continue;
    if (name !== 'best') notes.push('There is no best checkpoint: the pictures are of the last one.');
    return loaded;
  }
  if (!isWritten) notes.push('The run has written no checkpoint yet: there is no network to look at.');
  return undefined;
}

/** The images of both splits. Data that the caller has named must be there; what keeps both from being shown is told once. */
async function openSplits(
  { dataPath, valSplit }: Pick<RunOptions, 'dataPath' | 'valSplit'>,
  isGiven: boolean,
  notes: string[],
): Promise<RunFiles['data']> {
  const data: RunFiles['data'] = {};
  const reasons = new Map<string, Split[]>();
  for (const split of ['train', 'val'] as const) {
    try {
      if (!isGiven) await requireRecordedData(dataPath);
      data[split] = await openData(dataPath, split, { skipBad: true, valSplitElse: valSplit });
    } catch (error) {
      if (isGiven || !(error instanceof UserError)) throw error;
      reasons.set(error.message, [...(reasons.get(error.message) ?? []), split]);
    }
  }
  for (const [reason, of] of reasons) notes.push(`The images of ${of.join(' and ')} can’t be shown: ${reason}`);
  return data;
}

/**
 * Opens what there is; what is missing is noted.
 *
 * @throws UserError when there is no run, or a checkpoint or data that was asked for can't be used
 */
export async function openRunFiles(
  run: string,
  { checkpoint, dataPath, modules: sources }: Pick<ReportOptions, 'checkpoint' | 'dataPath' | 'modules'>,
  notes: string[],
): Promise<RunFiles> {
  const opened = await openRun(run);
  const modules = await loadModules(sources);
  const { file, beside, prefix, last } = opened;
  const metrics = await orNote(notes, 'There are no curves', () => readMetrics(beside(`${prefix}metrics.jsonl`)));
  return {
    run: opened,
    name: printableName(prefix + basename(dirname(resolve(file)))),
    metrics: metrics ?? [],
    checkpoint:
      checkpoint === undefined ? await findCheckpoint(opened, modules, notes) : await load(checkpoint, modules),
    data: await openSplits(
      { ...last.options, dataPath: dataPath ?? last.options.dataPath },
      dataPath !== undefined,
      notes,
    ),
  };
}
