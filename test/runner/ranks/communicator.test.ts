import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Ranks } from '../../helpers/mpirun.js';
import { mpiRuns, runRanks } from '../../helpers/mpirun.js';
import { valuesOf } from '../../helpers/ranks/values.mjs';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'dws-ranks-'));
});
afterAll(() => rm(folder, { recursive: true }));

interface Got {
  rank: number;
  size: number;
  gathered: number[];
  many: number[];
  hashes: Record<string, string>;
  bytes: number[];
  overlapping: number[];
  waited: boolean;
}

/** In rank order, in float64, rounded once. */
function sumOf(size: number, length: number): string {
  const sums = new Float64Array(length);
  for (let rank = 0; rank < size; rank++) valuesOf(rank, length).forEach((value, i) => (sums[i]! += value));
  return createHash('sha256').update(Float32Array.from(sums)).digest('hex');
}

const upTo = (size: number) => Array.from({ length: size }, (_, rank) => rank);
const lengths = [1, 1000, 3_000_001];

describe.each(mpiRuns)('ranks of $title', (mpi) => {
  async function collectives(
    size: number,
    of: readonly number[],
    { limits, program = 'collectives' }: { limits?: object; program?: Ranks['program'] } = {},
  ): Promise<Got[]> {
    const own = await mkdtemp(path.join(folder, 'run-'));
    const args = [own, of.join(','), ...(limits ? [JSON.stringify(limits)] : [])];
    const { code, stderr } = await runRanks(mpi, own, { size, program, args });
    expect(stderr).toBe('');
    expect(code).toBe(0);
    const read = async (rank: number) => JSON.parse(await readFile(path.join(own, `${rank}.json`), 'utf8')) as Got;
    return Promise.all(upTo(size).map(read));
  }

  function expectWhatHolds(size: number, got: readonly Got[]): void {
    expect(got.map(({ rank }) => rank)).toEqual(upTo(size));
    const bytes = Array.from({ length: 300 }, (_, i) => i);
    for (const { rank, gathered, many, overlapping, waited, ...one } of got) {
      expect(gathered).toEqual(upTo(size).flatMap((rank) => [rank, 10 * rank, -1]));
      expect(many).toEqual(upTo(size).flatMap((rank) => [...valuesOf(rank, 50)]));
      expect(one.bytes).toEqual(bytes.map((i) => (i * (i < 5 || i >= 295 ? rank + 1 : 2)) % 256));
      expect(overlapping).toEqual([...upTo(size), size]);
      expect(waited).toBe(true);
    }
  }

  it.skipIf(!mpi.program).each([2, 3, 4])(
    'gather in rank order, sum to the same bits on all %i ranks and in each run, broadcast, and wait for each other',
    async (size) => {
      const expected = Object.fromEntries(lengths.map((length) => [length, sumOf(size, length)]));
      for (let run = 0; run < 2; run++) {
        const got = await collectives(size, lengths);
        expectWhatHolds(size, got);
        for (const { hashes } of got) expect(hashes).toEqual(expected);
      }
    },
  );

  it.skipIf(!mpi.program)('come out the same in pieces, of arrays that one call of MPI does not take', async () => {
    const few = [1, 2, 3, 4, 5, 7, 8, 9, 24, 103];
    const got = await collectives(3, few, { limits: { most: 40, whole: 2, piece: 8 } });
    expectWhatHolds(3, got);
    for (const { hashes } of got) {
      expect(hashes).toEqual(Object.fromEntries(few.map((length) => [length, sumOf(3, length)])));
    }
  });
  it.skipIf(!mpi.program)('speak as well from a thread, and end with it', async () => {
    const got = await collectives(2, [1000], { program: 'in-a-thread' });
    expectWhatHolds(2, got);
  });
});
