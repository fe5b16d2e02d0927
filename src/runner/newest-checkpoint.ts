/** Where a training goes on by itself: the newest whole checkpoint of a run's folder. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { loadCheckpoint, OtherVersionError } from './checkpoint.js';
import type { Checkpoint } from './checkpoint.js';
import { checkpointNames } from './checkpoint-folder.js';
import { causeCode, errorCode, fileError } from './files.js';

export interface NewestCheckpoint {
  /** Undefined when no file is whole. */
  checkpoint: Checkpoint | undefined;
  /** Why each file that is newer, or might be, can't be taken. */
  damaged: string[];
}

async function listFolder(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw fileError(`can't read ${folder}`, error);
  }
}

/** Whether a file can't be read for a reason that says nothing about what is in it. */
function isElsewhere(error: unknown): boolean {
  const code = causeCode(error);
  return error instanceof OtherVersionError || (code !== undefined && code !== 'EIO');
}

/**
 * Finds the newest whole checkpoint: the last one, or where that is damaged or missing the one with the most steps among the
 * best and those of earlier epochs.
 *
 * @throws UserError when a file can't be read (permissions), or is of another version: going on without it would replace it
 */
export async function newestCheckpoint(folder: string, prefix = ''): Promise<NewestCheckpoint> {
  const found: NewestCheckpoint = { checkpoint: undefined, damaged: [] };
  for (const { name, isLast } of checkpointNames(await listFolder(folder), prefix)) {
    try {
      const checkpoint = await loadCheckpoint(join(folder, name));
      if (checkpoint.metadata.step > (found.checkpoint?.metadata.step ?? -1)) found.checkpoint = checkpoint;
      if (isLast) break;
    } catch (error) {
      if (isElsewhere(error)) throw error;
      found.damaged.push((error as Error).message);
    }
  }
  return found;
}
