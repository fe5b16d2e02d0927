/** Whether a disk has room for a run's checkpoints. */
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

/** Bytes that may be written to a folder, which need not be there yet; undefined where the file system does not tell. */
export async function freeBytes(folder: string): Promise<number | undefined> {
  try {
    const { bsize, blocks, bavail, bfree } = await statfs(nearest(folder));
    // File systems over a network tell of no blocks at all. What is kept for root is there for root alone.
    return blocks === 0 ? undefined : bsize * (process.geteuid?.() === 0 ? bfree : bavail);
  } catch {
    // What is wrong with the folder itself is told by the first write to it.
    return undefined;
  }
}

/** @throws UserError when not even one checkpoint can be written to the folder */
export async function requireRoom(folder: string, bytes: number): Promise<void> {
  const free = await freeBytes(folder);
  if (free === undefined || free >= bytes) return;
  throw new UserError(
    `can't write checkpoints to ${folder}: one takes ${megabytes(bytes)}, and its disk has ${megabytes(free)} left; ` +
      `free some space or choose another folder with --out.`,
  );
}
