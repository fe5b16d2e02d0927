import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mpiRuns, runRanks } from '../../helpers/mpirun.js';
import { hasStandIn, runByAddress, standIn } from '../../helpers/nccl.js';
import { expectWhatHolds, gotIn, sumsOf } from '../../helpers/ranks/expected.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'dws-nccl-'));
});
afterAll(() => rm(folder, { recursive: true }));

const own = () => mkdtemp(path.join(folder, 'run-'));
const host = os.hostname();
const lengths = [1, 1000, 300_001];
const several = (size: number) => Array.from({ length: size }, () => ({}));

describe.runIf(hasStandIn)('ranks that speak by NCCL', () => {
  it.each([2, 4])(
    'without MPI, gather in rank order, sum to the bits of MPI on all %i ranks, broadcast, and wait for each other',
    async (size) => {
      const into = await own();
      const ended = await runByAddress(several(size), 'collectives', [into, lengths.join()]);
      for (const one of ended) expect(one).toMatchObject({ code: 0, stdout: '', stderr: '' });
      const got = await gotIn(into, size);
      expectWhatHolds(size, got);
      for (const { hashes } of got) expect(hashes).toEqual(sumsOf(size, lengths));
    },
  );

  it('come out the same in pieces', async () => {
    const few = [1, 2, 3, 4, 5, 7, 8, 9, 24, 103];
    const into = await own();
    const limits = JSON.stringify({ piece: 11 });
    await runByAddress(several(3), 'collectives', [into, few.join(), limits]);
    const got = await gotIn(into, 3);
    expectWhatHolds(3, got);
    for (const { hashes } of got) expect(hashes).toEqual(sumsOf(3, few));
  });

  it.each(mpiRuns.filter(({ program }) => program))('are brought together by $name', async (mpi) => {
    const into = await own();
    const args = [into, lengths.join()];
    const ended = await runRanks(mpi, into, { size: 2, program: 'collectives', args, env: standIn() });
    expect(ended).toMatchObject({ code: 0, stdout: '', stderr: '' });
    const got = await gotIn(into, 2);
    expectWhatHolds(2, got);
    for (const { hashes } of got) expect(hashes).toEqual(sumsOf(2, lengths));
  });

  it('all end, with its name, when one is killed', async () => {
    const [first, second, third] = await runByAddress(several(3), 'fate', ['1', 'is killed', '3']);
    expect(second!.stdout).toContain('fate');
    for (const other of [first!, third!]) {
      expect(other.stderr).toMatch(new RegExp(`^UserError: rank 1 on ${host} has ended, and the others are not done`));
      expect(other.code).toBe(3);
    }
  });

  it('all end, with NCCL’s words, when NCCL fails on one', async () => {
    const [first, second] = await runByAddress([{}, { PRETEND_NCCL_FAILS: '1' }], 'fate', ['7', 'throws', '2']);
    expect(second!.stderr).toMatch(/^UserError: NCCL: remote process exited or there was a network error \(.+\)$/m);
    expect(first!.stderr).toMatch(new RegExp(`^UserError: rank 1 on ${host} has ended`));
    expect([first!.code, second!.code]).toEqual([3, 3]);
  });

  it.each([
    [
      'is of a version that is too old',
      { PRETEND_NCCL_VERSION: '21304' },
      /is of NCCL 2\.13\.4, and 2\.14\.0 or newer is needed/,
    ],
    [
      'is of another version there',
      { PRETEND_NCCL_VERSION: '22105' },
      /rank 0 on \S+ has NCCL 2\.23\.4; rank 1 on \S+ has NCCL 2\.21\.5$/m,
    ],
    ['would share its GPU with another', { GPU: '0' }, /rank 0 on \S+ and rank 1 on \S+ share a GPU/],
  ])('are refused where NCCL %s', async (_what, env, line) => {
    const [, second] = await runByAddress([{}, env], 'fate', ['7', 'throws', '2']);
    expect(second!.stderr).toMatch(line);
    expect(second!.stderr).toMatch(/^UserError: .*\n$/);
    expect(second!.code).toBe(3);
  });

  it('say how long they have waited for a rank that does not come', async () => {
    const [first] = await runByAddress(several(2), 'fate', ['7', 'throws', '1'], { missing: [1] });
    expect(first).toMatchObject({ code: 3, stderr: 'UserError: rank 1 of 2 did not come within 1 s\n' });
    const [second] = await runByAddress(several(2), 'fate', ['7', 'throws', '1'], { missing: [0] });
    expect(second!.stderr).toMatch(
      /^UserError: rank 0 does not answer at 127\.0\.0\.1, port \d+ \(MASTER_ADDR, MASTER_PORT\)/,
    );
  });
});
