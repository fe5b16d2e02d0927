/** Checkpoints that may be damaged: told from those that can't be read just now, and never written over. */
import { rename } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { causeCode, fileError, syncFolder } from '../base/files.js';
import type { Checkpoint } from './checkpoint.js';
import { loadCheckpoint, OtherVersionError } from './checkpoint.js';
import { listFolder } from './names.js';

/** A file is whole, damaged (and why), or not there: then neither is set. */
export interface TriedCheckpoint {
  checkpoint?: Checkpoint;
  damage?: string;
}

/**
 * Reads a checkpoint that may be damaged.
 *
 * @throws UserError for one of another version, and one that can't be read for a reason that says nothing about what is in it: it may
 *   be whole
 */
export async function tryCheckpoint(file: string): Promise<TriedCheckpoint> {
  try {
    return { checkpoint: await loadCheckpoint(file) };
  } catch (error) {
    if (causeCode(error) === 'ENOENT') return {};
    if (error instanceof OtherVersionError || causeCode(error) !== undefined) throw error;
    return { damage: (error as Error).message };
  }
}

/**
 * Gives a damaged file another name, so that what may be mended is not lost.
 *
 * @returns the name
 * @throws UserError when that can't be done
 */
export async function setAside(file: string): Promise<string> {
  const folder = dirname(file);
  const taken = new Set(await listFolder(folder));
  const name = (number: number) => `${basename(file)}.damaged${number > 1 ? `-${number}` : ''}`;
  let number = 1;
  while (taken.has(name(number))) number++;
  const aside = `${file}${name(number).slice(basename(file).length)}`;
  try {
    await rename(file, aside);
    await syncFolder(folder);
    return aside;
  } catch (error) {
    throw fileError(`can't set aside the damaged ${file}`, error);
  }
}
