/** Files of the same content. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { fileError } from '../base/files.js';
import { groupBy } from '../base/group-by.js';

async function digest(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash).catch((error: unknown) => {
    throw fileError(`can't read ${file}`, error);
  });
  return hash.digest('hex');
}

/**
 * Finds files of the same bytes. Only files of a size that another one has are read.
 *
 * @param files one entry a file; `bytes` is its size, `sha256` its content where that is known
 * @returns groups of two or more
 * @throws UserError when a file cannot be read any more
 */
export async function findDuplicates<T extends { path: string; bytes: number; sha256?: string }>(
  files: readonly T[],
  onProgress?: (done: number, total: number) => void,
): Promise<T[][]> {
  const candidates = [...groupBy(files, ({ bytes }) => bytes).values()].filter((group) => group.length > 1);
  const total = candidates.reduce((sum, group) => sum + group.length, 0);
  const found: T[][] = [];
  let done = 0;
  for (const group of candidates) {
    const hashed: { file: T; hash: string }[] = [];
    for (const file of group) {
      hashed.push({ file, hash: file.sha256 ?? (await digest(file.path)) });
      onProgress?.(++done, total);
    }
    const same = [...groupBy(hashed, ({ hash }) => hash).values()].filter((members) => members.length > 1);
    for (const members of same) found.push(members.map(({ file }) => file));
  }
  return found;
}
