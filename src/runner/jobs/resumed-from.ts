/** What a training goes on from: a checkpoint, the folder of a run, or by itself. */
import { dirname } from 'node:path';
import { UserError } from '../base/errors.js';
import type { Checkpoint } from '../checkpoints/checkpoint.js';
import { loadCheckpoint } from '../checkpoints/checkpoint.js';
import { isFolder, prefixIn } from '../checkpoints/choose.js';
import { checkpointNames, listFolder, prefixOf } from '../checkpoints/names.js';
import { newestCheckpoint } from '../checkpoints/newest.js';

/** The `resume` that finds its checkpoint by itself. */
export const AUTO = 'auto';

export interface ResumedFrom {
  checkpoint: Checkpoint | undefined;
  /** Folder and prefix of the run. */
  folder: string;
  prefix: string;
  /** What there is to say of it: damaged files, where the training goes on. */
  notes: string[];
}

async function newestOf(folder: string, prefix: string): Promise<ResumedFrom> {
  const { checkpoint, damaged } = await newestCheckpoint(folder, prefix);
  const from =
    damaged.length > 0 && checkpoint ? [`going on from ${checkpoint.path} (step ${checkpoint.metadata.step})`] : [];
  return { checkpoint, folder, prefix, notes: [...damaged, ...from] };
}

/**
 * @param resume a checkpoint, a run's folder or `auto`
 * @param out the run's folder, for `auto`
 * @param given the prefix of the run's files, where it is given
 * @throws UserError for a checkpoint that can't be read, and a folder without a whole one unless `auto`
 */
export async function resumedFrom(resume: string, out: string, given: string | undefined): Promise<ResumedFrom> {
  if (resume === AUTO) {
    const found = await newestOf(out, given ?? '');
    if (found.checkpoint) return found;
    const whole = found.notes.length > 0 ? 'whole ' : '';
    return { ...found, notes: [...found.notes, `no ${whole}checkpoint in ${out}: training from the start`] };
  }
  if (!(await isFolder(resume))) {
    const checkpoint = await loadCheckpoint(resume);
    return { checkpoint, folder: dirname(resume), prefix: prefixOf(resume) ?? '', notes: [] };
  }
  const prefix = given !== undefined && checkpointNames(await listFolder(resume), given).length > 0 ? given : undefined;
  const found = await newestOf(resume, prefix ?? (await prefixIn(resume)));
  if (found.checkpoint) return found;
  const damaged = found.notes.length > 0 ? `: ${found.notes.join(' ')}` : '';
  throw new UserError(`${resume} holds no ${damaged === '' ? '' : 'whole '}checkpoint to go on from${damaged}`);
}
