/** Whether a disk has room for a run's checkpoints, and for other large files. */
import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { elementCount } from '../../graph/onnx/types.js';
import type { StateTensor } from '../../graph/parts/state.js';
import { UserError } from '../base/errors.js';

/** What a header says of a tensor, and what it says besides. */
const headerBytes = { tensor: 160, rest: 8192 };

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

/** About what a checkpoint takes, in bytes: its float32 values and its header. */
export function checkpointBytes(state: readonly StateTensor[]): number {
  const tensors = state.flatMap(({ tensors: spanned }) => spanned);
  const values = tensors.reduce((sum, { shape }) => sum + elementCount(shape), 0);
  return 4 * values + headerBytes.tensor * tensors.length + headerBytes.rest;
}

/** The folder itself, or the nearest above it that is there. */
function nearest(folder: string): string {
  let place = resolve(folder);
  while (!existsSync(place) && dirname(place) !== place) place = dirname(place);
  return place;
}

/** Undefined where the file system does not tell. */
async function spaceOf(folder: string): Promise<{ forAll: number; forRoot: number } | undefined> {
  try {
    const { bsize, blocks, bavail, bfree } = await statfs(nearest(folder));
    // File systems over a network tell of no blocks at all.
    return blocks === 0 ? undefined : { forAll: bsize * bavail, forRoot: bsize * bfree };
  } catch {
    // What is wrong with the folder itself is told by the first write to it.
    return undefined;
  }
}

/** Bytes that are free in a folder, which need not be there yet, as `df` tells; undefined where the file system does not tell. */
export const freeBytes = async (folder: string): Promise<number | undefined> => (await spaceOf(folder))?.forAll;

/** `12.3 MB, and its disk has 4.5 MB left`, where a folder's disk has less than the bytes; undefined where it has, or does not tell. */
export async function lackOfRoom(folder: string, bytes: number): Promise<string | undefined> {
  const space = await spaceOf(folder);
  if (!space) return undefined;
  // Root may be let into what is kept for it, or not, in a container.
  const free = process.geteuid?.() === 0 ? space.forRoot : space.forAll;
  return free >= bytes ? undefined : `${megabytes(bytes)}, and its disk has ${megabytes(free)} left`;
}

/** @throws UserError when not even one checkpoint can be written to the folder */
export async function requireRoom(folder: string, bytes: number): Promise<void> {
  const lack = await lackOfRoom(folder, bytes);
  if (lack === undefined) return;
  throw new UserError(
    `can't write checkpoints to ${folder}: one takes ${lack}; free some space or choose another folder with --out.`,
  );
}
