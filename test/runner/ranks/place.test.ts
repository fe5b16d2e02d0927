import { describe, expect, it } from 'vitest';
import { UserError } from '../../../src/runner/base/errors.js';
import { placeOfProcess } from '../../../src/runner/ranks/place.js';

const openMpi = {
  OMPI_COMM_WORLD_RANK: '3',
  OMPI_COMM_WORLD_SIZE: '4',
  OMPI_COMM_WORLD_LOCAL_RANK: '1',
  OMPI_COMM_WORLD_LOCAL_SIZE: '2',
};
const mpich = { PMI_RANK: '1', PMI_SIZE: '2', MPI_LOCALRANKID: '1', MPI_LOCALNRANKS: '2' };
const batch = { SLURM_JOB_ID: '7', SLURM_PROCID: '0', SLURM_NTASKS: '7', SLURM_LOCALID: '0', SLURM_NODEID: '0' };
const slurm = {
  ...batch,
  SLURM_PROCID: '6',
  SLURM_NODEID: '3',
  SLURM_STEP_NUM_TASKS: '7',
  SLURM_STEP_TASKS_PER_NODE: '2(x3),1',
};
const torchrun = { RANK: '1', WORLD_SIZE: '4', LOCAL_RANK: '1', MASTER_ADDR: 'localhost', MASTER_PORT: '29500' };

describe('placeOfProcess', () => {
  it.each([
    ['Open MPI', openMpi, { rank: 3, size: 4, localRank: 1, localSize: 2, by: 'Open MPI' }],
    ['MPICH', mpich, { rank: 1, size: 2, localRank: 1, localSize: 2, by: 'MPICH' }],
    ['Slurm', slurm, { rank: 6, size: 7, localRank: 0, localSize: 1, by: 'Slurm' }],
    ['Open MPI in a step of Slurm', { ...slurm, ...openMpi }, { rank: 3, size: 4, localRank: 1, localSize: 2 }],
    ['MPICH in a step of Slurm', { ...slurm, ...mpich }, { rank: 1, size: 2, by: 'MPICH' }],
    ['Open MPI where Slurm has told PMI of its daemons', { ...openMpi, PMI_RANK: '0', PMI_SIZE: '2' }, { rank: 3 }],
    [
      'Slurm with the variables of torchrun set by hand',
      { ...slurm, ...torchrun, WORLD_SIZE: '7' },
      { rank: 6, size: 7 },
    ],
  ])('takes what %s says', (_who, env, place) => {
    expect(placeOfProcess(env)).toMatchObject(place);
  });

  it("takes what torchrun says where ranks speak by NCCL, and MPI's ranks as they are", () => {
    const env = { ...torchrun, LOCAL_WORLD_SIZE: '2' };
    expect(placeOfProcess(env, 'NCCL')).toEqual({ rank: 1, size: 4, localRank: 1, localSize: 2, by: 'torchrun' });
    expect(placeOfProcess(openMpi, 'NCCL')).toEqual(placeOfProcess(openMpi));
    expect(() => placeOfProcess(torchrun, 'NCCL')).toThrow(
      /mpirun -n 4 and the same command; or, on GPUs, set LOCAL_WORLD_SIZE as well/,
    );
  });

  it.each([
    ['nobody has started', {}],
    ["is Slurm's batch script, not a step", batch],
    ['is in a shell that srun has opened', { ...slurm, SLURM_STEP_NUM_TASKS: '1' }],
    ['torchrun has started alone', { ...torchrun, WORLD_SIZE: '1' }],
  ])('is undefined for a process that %s', (_what, env) => {
    expect(placeOfProcess(env)).toBeUndefined();
  });

  it.each([
    ['torchrun', torchrun, /torchrun has started 4 .*mpirun -n 4/],
    ['torchrun in steps of Slurm', { ...slurm, ...torchrun }, /torchrun has started 4 .*mpirun -n 4/],
    ['torchrun in ranks of mpirun', { ...mpich, ...torchrun }, /torchrun has started 4/],
    ['somebody who speaks PMI', { PMI_RANK: '0', PMI_SIZE: '3' }, /not known has started 3 .*mpirun -n 3/],
    ['no number', { ...openMpi, OMPI_COMM_WORLD_SIZE: 'four' }, /OMPI_COMM_WORLD_SIZE=four/],
    ['a rank beyond the ranks', { ...openMpi, OMPI_COMM_WORLD_RANK: '4' }, /RANK=4 of OMPI_COMM_WORLD_SIZE=4/],
    ['a node that is not listed', { ...slurm, SLURM_NODEID: '9' }, /SLURM_NODEID=9/],
  ])('says in a line what is wrong with %s', (_what, env, line) => {
    expect(() => placeOfProcess(env)).toThrow(UserError);
    expect(() => placeOfProcess(env)).toThrow(line);
  });
});
