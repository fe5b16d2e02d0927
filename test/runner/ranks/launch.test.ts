import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UserError } from '../../../src/runner/base/errors.js';
import { launchRanks } from '../../../src/runner/ranks/launch.js';
import { mpiRuns, runRanks } from '../../helpers/mpirun.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'dws-ranks-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe.each(mpiRuns)('the launcher with $title', (mpi) => {
  it.skipIf(!mpi.program).each(['SIGINT', 'SIGTERM'] as const)(
    'gives its arguments to all ranks, passes %s on to all, waits until they are done, and has the code of theirs',
    async (signal) => {
      const args = ['7', '7', '7'];
      const line = /(ready with 7 7 7[^]*){3}/;
      const at = { line, then: (launcher: { kill(signal: NodeJS.Signals): unknown }) => launcher.kill(signal) };
      const { code, stdout } = await runRanks(mpi, folder, { size: 3, program: 'signals', args, at });
      for (const rank of [0, 1, 2]) {
        expect(stdout).toContain(`${signal} at rank ${rank}`);
        expect(stdout).toContain(`done at rank ${rank}`);
      }
      expect(code).toBe(7);
    },
  );

  it.skipIf(!mpi.program)('has the code of the first rank that fails', async () => {
    const { code } = await runRanks(mpi, folder, { size: 3, program: 'codes', args: ['0', '5', '2'] });
    expect(code).toBe(5);
  });

  it.skipIf(!mpi.program)('ends with 0 when all ranks do', async () => {
    const { code } = await runRanks(mpi, folder, { size: 2, program: 'codes', args: ['0', '0'] });
    expect(code).toBe(0);
  });
});

describe('launchRanks', () => {
  const launch = (env: NodeJS.ProcessEnv) => launchRanks({ size: 2, program: process.execPath, args: [], env });

  it('says what to install where there is no mpirun', async () => {
    await expect(launch({ PATH: folder })).rejects.toThrow(UserError);
    await expect(launch({ PATH: folder })).rejects.toThrow(/mpirun is not on the PATH.*apt-get install openmpi-bin/);
  });

  it('starts nothing in a rank', async () => {
    const env = { PMI_RANK: '1', PMI_SIZE: '2', MPI_LOCALRANKID: '1', MPI_LOCALNRANKS: '2' };
    await expect(launch(env)).rejects.toThrow(/MPICH has started this process, as rank 1 of 2/);
  });
});
