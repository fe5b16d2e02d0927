/** Where a training goes on by itself: the newest whole checkpoint of a run's folder. */
import { join } from 'node:path';
import type { Checkpoint } from './checkpoint.js';
import { tryCheckpoint } from './damage.js';
import { checkpointNames, listFolder } from './names.js';

export interface NewestCheckpoint {
  /** Undefined when no file is whole. */
  checkpoint: Checkpoint | undefined;
  /** Why each file that is newer, or might be, can't be taken. */
  damaged: string[];
}

/**
 * Finds the newest whole checkpoint: the last one, or where that is damaged or missing the one with the most steps among the
 * best and those of earlier epochs.
 *
 * @throws UserError when a file can't be read just now (permissions, a disk or a network that fails, too many open files), or is of
 *   another version: going on without it would begin anew over it
 */
export async function newestCheckpoint(folder: string, prefix = ''): Promise<NewestCheckpoint> {
  const found: NewestCheckpoint = { checkpoint: undefined, damaged: [] };
  for (const { name, isLast } of checkpointNames(await listFolder(folder), prefix)) {
    const { checkpoint, damage } = await tryCheckpoint(join(folder, name));
    if (damage !== undefined) found.damaged.push(damage);
    if (checkpoint && checkpoint.metadata.step > (found.checkpoint?.metadata.step ?? -1)) found.checkpoint = checkpoint;
    if (checkpoint && isLast) break;
  }
  return found;
}
