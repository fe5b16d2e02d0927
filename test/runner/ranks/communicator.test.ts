import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Ranks } from '../../helpers/mpirun.js';
import { mpiRuns, runRanks } from '../../helpers/mpirun.js';
import type { Got } from '../../helpers/ranks/expected.js';
import { expectWhatHolds, gotIn, sumsOf } from '../../helpers/ranks/expected.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'dws-ranks-'));
});
afterAll(() => rm(folder, { recursive: true }));

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
    return gotIn(own, size);
  }

  it.skipIf(!mpi.program).each([2, 3, 4])(
    'gather in rank order, sum to the same bits on all %i ranks and in each run, broadcast, and wait for each other',
    async (size) => {
      const expected = sumsOf(size, lengths);
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
      expect(hashes).toEqual(sumsOf(3, few));
    }
  });
  it.skipIf(!mpi.program)('speak as well from a thread, and end with it', async () => {
    const got = await collectives(2, [1000], { program: 'in-a-thread' });
    expectWhatHolds(2, got);
  });
});
