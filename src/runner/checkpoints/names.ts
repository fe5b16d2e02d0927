/** What the files of a run's folder are called. */
import { readdir } from 'node:fs/promises';
import { basename } from 'node:path';
import { UserError } from '../base/errors.js';
import { errorCode, fileError, finalName } from '../base/files.js';

export const LAST = 'checkpoint.safetensors';
export const BEST = 'best.safetensors';
const EPOCH = /^checkpoint-epoch-(\d+)\.safetensors$/;
/** Ends the name of each checkpoint, with or without a prefix. */
const ANY = /(checkpoint(-epoch-\d+)?|best)\.safetensors$/;
/** All that a training writes into its folder under fixed names. */
const OWN = /^(checkpoint(-epoch-\d+)?\.safetensors|best\.safetensors|metrics\.jsonl|run\.json|data\.jsonl|run\.lock)$/;

export const lockName = 'run.lock';

export const epochFile = (epoch: number): string => `checkpoint-epoch-${String(epoch).padStart(4, '0')}.safetensors`;

/** The epochs that a file's name tells, without the prefix; undefined for other files. */
export function epochOf(name: string): number | undefined {
  const [, epoch] = EPOCH.exec(name) ?? [];
  return epoch === undefined ? undefined : Number(epoch);
}

/** What stands before the name of a checkpoint; undefined for a file that is not called like one. */
export function prefixOf(checkpoint: string): string | undefined {
  const name = basename(checkpoint);
  const [own] = ANY.exec(name) ?? [];
  return own === undefined ? undefined : name.slice(0, name.length - own.length);
}

/** Whether a name, without the prefix, is that of a file that a killed training has left half-written. */
export const isLeftover = (name: string): boolean => OWN.test(finalName(name) ?? '');

/** The checkpoints among a folder's files, the last one first and the newest of the others after it. */
export function checkpointNames(names: readonly string[], prefix: string): { name: string; isLast: boolean }[] {
  const isWhole = (name: string) => ANY.exec(name)?.[0] === name;
  const ours = names.filter((name) => name.startsWith(prefix) && isWhole(name.slice(prefix.length)));
  const rank = (name: string) => {
    const bare = name.slice(prefix.length);
    return bare === LAST ? Infinity : (epochOf(bare) ?? -1);
  };
  return ours.sort((a, b) => rank(b) - rank(a)).map((name) => ({ name, isLast: name === prefix + LAST }));
}

/** The names in a folder; none where it is not there. @throws UserError when it can't be read */
export async function listFolder(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    // What stands in a folder's place is told when something is to be written.
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '')) return [];
    throw fileError(`can't read ${folder}`, error);
  }
}

/** @throws UserError for a prefix that names a folder */
export function requirePrefix(prefix: string): void {
  if (prefix === basename(prefix) && !['.', '..'].includes(prefix)) return;
  throw new UserError(
    `the prefix '${prefix}' of checkpoint files must not hold a folder; choose the folder with --out`,
  );
}
