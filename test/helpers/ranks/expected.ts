/** What ranks of `collectives.mjs` have to get, whatever they speak by. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect } from 'vitest';
import { valuesOf } from './values.mjs';

export interface Got {
  rank: number;
  size: number;
  gathered: number[];
  many: number[];
  hashes: Record<string, string>;
  means: [isKept: boolean, ...number[]];
  bytes: number[];
  overlapping: number[];
  waited: boolean;
}

export const upTo = (size: number): number[] => Array.from({ length: size }, (_, rank) => rank);

/** What they have written into a folder, by rank. */
export const gotIn = (folder: string, size: number): Promise<Got[]> =>
  Promise.all(
    upTo(size).map(async (rank) => JSON.parse(await readFile(path.join(folder, `${rank}.json`), 'utf8')) as Got),
  );

/** In rank order, in float64, rounded once. */
function sumOf(size: number, length: number): string {
  const sums = new Float64Array(length);
  for (let rank = 0; rank < size; rank++) valuesOf(rank, length).forEach((value, i) => (sums[i]! += value));
  return createHash('sha256').update(Float32Array.from(sums)).digest('hex');
}

export const sumsOf = (size: number, lengths: readonly number[]): Record<string, string> =>
  Object.fromEntries(lengths.map((length) => [length, sumOf(size, length)]));

export function expectWhatHolds(size: number, got: readonly Got[]): void {
  expect(got.map(({ rank }) => rank)).toEqual(upTo(size));
  const bytes = Array.from({ length: 300 }, (_, i) => i);
  for (const { rank, gathered, many, overlapping, waited, ...one } of got) {
    expect(gathered).toEqual(upTo(size).flatMap((rank) => [rank, 10 * rank, -1]));
    expect(many).toEqual(upTo(size).flatMap((rank) => [...valuesOf(rank, 50)]));
    expect(one.means).toEqual([true, (size - 1) / 2, size - 1]);
    expect(one.bytes).toEqual(bytes.map((i) => (i * (i < 5 || i >= 295 ? rank + 1 : 2)) % 256));
    expect(overlapping).toEqual([...upTo(size), size]);
    expect(waited).toBe(true);
  }
}
