import { describe, expect, it } from 'vitest';
import { UserError } from '../../../src/runner/base/errors.js';
import type { Offer } from '../../../src/runner/ranks/offers.js';
import { chooseWay, wishOf } from '../../../src/runner/ranks/offers.js';

const onGpu = (gpu: string, more: Partial<Offer> = {}): Offer => ({
  ...{ host: 'a', wish: null, nccl: '2.23.4', lacks: null, gpu },
  ...more,
});
const onCpu: Offer = { host: 'a', wish: null, nccl: null, lacks: null, gpu: null };
const without: Offer = { host: 'b', wish: null, nccl: null, lacks: 'no library', gpu: null };

describe('chooseWay', () => {
  it.each<[string, Offer[], ReturnType<typeof chooseWay>]>([
    ['NCCL where each has a GPU', [onGpu('0'), onGpu('1')], { by: 'nccl' }],
    ['NCCL where GPUs of two machines have one number', [onGpu('0'), onGpu('0', { host: 'b' })], { by: 'nccl' }],
    ['MPI without a word on the CPU', [onCpu, onCpu], { by: 'mpi' }],
    [
      'MPI without a word where it is asked for',
      [onGpu('0', { wish: 'mpi' }), onGpu('1', { wish: 'mpi' })],
      { by: 'mpi' },
    ],
    ['MPI where none has NCCL', [without, without], { by: 'mpi', why: 'rank 0 on b: no library' }],
    [
      'MPI where two share a GPU',
      [onGpu('0'), onGpu('1'), onGpu('1')],
      { by: 'mpi', why: 'rank 1 on a and rank 2 on a share a GPU, and NCCL wants one for each' },
    ],
  ])('is %s', (_what, offers, choice) => {
    expect(chooseWay(offers)).toEqual(choice);
  });

  it.each<[string, Offer[], RegExp]>([
    [
      'one has no NCCL',
      [onGpu('0'), without],
      /^every rank needs the same NCCL, or none \(DWS_COMM=mpi\): rank 0 on a has NCCL 2\.23\.4; rank 1 on b: no library$/,
    ],
    [
      'one has another NCCL',
      [onGpu('0'), onGpu('1', { nccl: '2.14.0' })],
      /has NCCL 2\.23\.4; rank 1 on a has NCCL 2\.14\.0$/,
    ],
    [
      'they ask for different ways',
      [onGpu('0'), onGpu('1', { wish: 'mpi' })],
      /^rank 1 on a has DWS_COMM=mpi, and rank 0 on a DWS_COMM=:/,
    ],
    [
      'NCCL is asked for and not there',
      [without, without].map((one) => ({ ...one, wish: 'nccl' })),
      /^DWS_COMM=nccl, but rank 0 on b: no library$/,
    ],
    [
      'NCCL is asked for on the CPU',
      [onCpu, onCpu].map((one) => ({ ...one, wish: 'nccl' })),
      /without a GPU \(--device cuda\)$/,
    ],
  ])('is refused where %s', (_what, offers, line) => {
    expect(() => chooseWay(offers)).toThrow(UserError);
    expect(() => chooseWay(offers)).toThrow(line);
  });
});

describe('wishOf', () => {
  it('takes mpi, nccl and nothing', () => {
    expect(['mpi', 'nccl', '', undefined].map((DWS_COMM) => wishOf({ DWS_COMM }))).toEqual(['mpi', 'nccl', null, null]);
  });

  it('refuses what it does not know', () => {
    expect(() => wishOf({ DWS_COMM: 'gloo' })).toThrow(/^the environment has DWS_COMM=gloo: give mpi or nccl/);
  });
});
