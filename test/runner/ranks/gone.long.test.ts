import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mpiRuns, runRanks } from '../../helpers/mpirun.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'dws-ranks-'));
});
afterAll(() => rm(folder, { recursive: true }));

const timeoutSeconds = 3;
const host = os.hostname();

/** What becomes of a rank, and lines of which one has to be said. mpirun may be faster than the others, and end them. */
const fates: [fate: string, who: number, line: RegExp][] = [
  ['throws', 1, /Error: a fate of its own/],
  ['ends without close', 1, new RegExp(`UserError: rank 1 on ${host} has ended|exited without calling "finalize"`)],
  ['is killed', 1, new RegExp(`UserError: rank 1 on ${host} has ended|rank 1 .*on signal 9|EXIT CODE: 9`)],
  ['is stopped', 1, new RegExp(`UserError: rank 1 on ${host} has not been heard of for 3 s`)],
  ['is stopped', 0, new RegExp(`UserError: rank 0 on ${host} has not been heard of for 3 s`)],
  [
    'is stopped while the others compute',
    1,
    new RegExp(`dws: rank [02] on ${host}: rank 1 on ${host} has not been heard of for 3 s`),
  ],
  [
    'computes without an end',
    2,
    new RegExp(
      `UserError: waited more than 3 s in allGather \\(call \\d+\\) for rank 2 on ${host}, which did not come to it`,
    ),
  ],
];

/** Where nobody collects processes that have ended, they stay as zombies. */
function isThere(pid: number): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}

describe.each(mpiRuns)('of three ranks of $title', (mpi) => {
  it.skipIf(!mpi.program).each(fates)(
    'one that %s (rank %i) ends all within twice the timeout, with a line that says so and a code that is not 0',
    async (fate, who, line) => {
      const args = [String(who), fate, String(timeoutSeconds)];
      const at = { line: /^fate$/m, then: () => undefined };
      const within = 2 * timeoutSeconds * 1000;
      const ended = await runRanks(mpi, folder, { size: 3, program: 'fate', args, at, within });
      expect(ended.stderr + ended.stdout).toMatch(line);
      expect(ended).toMatchObject({ late: false });
      expect(ended.code).toBeGreaterThan(0);
      const pids = [...ended.stdout.matchAll(/^pid (\d+)$/gm)].map(([, pid]) => Number(pid));
      expect(pids).toHaveLength(3);
      expect(pids.filter(isThere)).toEqual([]);
    },
  );

  it.skipIf(!mpi.program)('none outlives the launcher, though mpirun does', async () => {
    const at = { line: /(^pid \d+$[^]*){3}/m, then: (launcher: ChildProcess) => launcher.kill('SIGKILL') };
    const args = ['-1', 'throws', String(timeoutSeconds)];
    const within = 2 * timeoutSeconds * 1000;
    const ended = await runRanks(mpi, folder, { size: 3, program: 'fate', args, at, within });
    expect(ended.stderr).toContain('UserError: what has started the ranks has been killed');
    expect(ended).toMatchObject({ late: false });
  });

  it.skipIf(!mpi.program)('each refuses a world of another size than it was started in', async () => {
    const args = ['0', 'is in another world', String(timeoutSeconds)];
    const { code, stderr } = await runRanks(mpi, folder, { size: 3, program: 'fate', args });
    expect(stderr).toMatch(
      new RegExp(
        `UserError: ${mpi.name} has started this process as rank \\d of [35], but for .*lib.* it is rank \\d of [13]:`,
      ),
    );
    expect(code).toBe(3);
  });
});
