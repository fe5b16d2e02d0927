import { describe, expect, it, vi } from 'vitest';
import { UserError } from '../../../src/runner/base/errors.js';
import type * as flavors from '../../../src/runner/ranks/flavors.js';
import { loadMpi } from '../../../src/runner/ranks/library.js';
import { openMpi } from '../../../src/runner/ranks/mpi.js';
import { mpiRuns } from '../../helpers/mpirun.js';

const names = vi.hoisted(() => ({ now: undefined as string[] | undefined }));
vi.mock('../../../src/runner/ranks/flavors.js', async (original) => {
  const real = await original<typeof flavors>();
  return {
    ...real,
    get libraryNames() {
      return names.now ? { 'Open MPI': names.now, MPICH: names.now, Slurm: names.now } : real.libraryNames;
    },
  };
});

describe('loadMpi', () => {
  it.each(['Open MPI', 'MPICH', 'Slurm'] as const)('says what to install where no library of %s is', async (by) => {
    names.now = ['libnot-there.so.1', 'libc.so.6'];
    await expect(loadMpi(by)).rejects.toThrow(UserError);
    await expect(loadMpi(by)).rejects.toThrow(
      new RegExp(`^${by} has started .*libnot-there.so.1, libc.so.6.*apt-get install openmpi-bin.*LD_LIBRARY_PATH$`),
    );
    names.now = undefined;
  });

  const [openMpiRun, mpichRun] = mpiRuns;
  it.skipIf(!openMpiRun!.program)('asks for PMIx where Slurm has started ranks of Open MPI without', async () => {
    names.now = ['libmpi.so.40'];
    await expect(loadMpi('Slurm', {})).rejects.toThrow(/^Slurm has started .*srun --mpi=pmix and the same command$/);
    expect((await loadMpi('Slurm', { PMIX_NAMESPACE: 'slurm' })).family).toBe('Open MPI');
    names.now = undefined;
  });

  it.skipIf(!openMpiRun!.program || !mpichRun!.program)('takes no library of the other family', async () => {
    names.now = ['libmpi.so.40', 'libmpich.so.12'];
    expect((await loadMpi('MPICH')).file).toBe('libmpich.so.12');
    names.now = ['libmpich.so.12', 'libmpi.so.40'];
    expect((await loadMpi('Open MPI')).file).toBe('libmpi.so.40');
    names.now = undefined;
  });
});

describe('openMpi', () => {
  it('says how ranks are started to a process that is none', async () => {
    await expect(openMpi({ timeoutSeconds: 1 })).rejects.toThrow(/this process is no rank.*mpirun -n 2/);
  });
});
