/** Whether a disk has room for a run's checkpoints, and for other large files. */
import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { elementCount } from '../../graph/onnx/types.js';
import type { StateTensor } from '../../graph/parts/state.js';
import { UserError } from '../base/errors.js';
import { sizeText } from '../base/size-text.js';

/** What a header says of a tensor, and what it says besides. */
const headerBytes = { tensor: 160, rest: 8192 };

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

/**
 * Bytes that are free in a folder, which need not be there yet, as `df` tells: what is kept for root is not counted, which even root may not be
 * let into, in a container. Undefined where the file system does not tell.
 */
export async function freeBytes(folder: string, ask: typeof statfs = statfs): Promise<number | undefined> {
  try {
    const { bsize, blocks, bavail } = await ask(nearest(folder));
    // File systems over a network tell of no blocks at all.
    return blocks === 0 ? undefined : bsize * bavail;
  } catch {
    // What is wrong with the folder itself is told by the first write to it.
    return undefined;
  }
}

/** `12.3 MB, and its disk has 4.5 MB left`, where a folder's disk has less than the bytes; undefined where it has, or does not tell. */
export async function lackOfRoom(folder: string, bytes: number, free = freeBytes): Promise<string | undefined> {
  const left = await free(folder);
  return left === undefined || left >= bytes
    ? undefined
    : `${sizeText(bytes)}, and its disk has ${sizeText(left)} left`;
}

/** @throws UserError when not even one checkpoint can be written to the folder */
export async function requireRoom(folder: string, bytes: number): Promise<void> {
  const lack = await lackOfRoom(folder, bytes);
  if (lack === undefined) return;
  throw new UserError(
    `can't write checkpoints to ${folder}: one takes ${lack}; free some space or choose another folder with --out.`,
  );
}
