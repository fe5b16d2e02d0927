/** A training on several ranks, as a person starts it. */
import { mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { openRun, readMetrics } from '../../src/index.js';
import { writeImageFolder } from '../helpers/images.js';
import { failedRanks, hasOpenMpi } from '../helpers/mpi.js';
import { temporaryFolder } from '../runner/data/images.js';
import { dws } from './dws.js';

const folder = temporaryFolder();
const at = (...names: string[]) => path.join(folder.path, ...names);

const network = '--model squeezenet1_1 --image-size 32 --feat-dim 16 --embed-dim 8 --batch-size 4 --batch-k 2 --seed 3';
const settings = `train --data-path data ${network} --lr 0.001 --epochs 2 --batch-num 4 --print-freq 1 --workers 0 --threads 1 --rank-timeout 60`;
const run = (out: string, more = '', env: Record<string, string | undefined> = {}) =>
  dws(`${settings} --out ${out} ${more}`.trim().split(' '), { cwd: folder.path, env });

const stepsOf = async (out: string) =>
  (await readMetrics(at(out, 'metrics.jsonl'))).flatMap((line) => (line.kind === 'step' ? [line] : []));

beforeAll(() => writeImageFolder(at('data')));

describe.runIf(hasOpenMpi)('a training on ranks', () => {
  it('takes the steps of one process, is recorded once, repeats to the bit and is verified', async () => {
    const one = await run('one');
    expect(one).toMatchObject({ code: 0, stderr: '' });
    await mkdir(at('tmp'));
    const two = await run('two', '--ranks 2', { TMPDIR: at('tmp') });
    expect(two).toMatchObject({ code: 0, stderr: '' });
    expect(two.stdout).toContain('of 4 images on 2 ranks, drawn at random');
    expect(two.stdout.match(/^done after/gm)).toHaveLength(1);
    const [alone, shared] = await Promise.all(['one', 'two'].map(stepsOf));
    expect(shared).toHaveLength(alone!.length);
    shared!.forEach((step, i) => {
      expect(Math.abs(step.loss! - alone![i]!.loss!)).toBeLessThan(1e-5);
      expect(step.pairs).toBe(alone![i]!.pairs);
    });
    const { last } = await openRun(at('two'));
    expect(last).toMatchObject({ options: { ranks: 2 }, communication: 'Open MPI' });
    expect((await openRun(at('one'))).last.communication).toBeUndefined();
    expect((await readdir(at('tmp'))).filter((name) => name.startsWith('dws-'))).toEqual([]);
    const verified = await dws(['verify', 'two'], { cwd: folder.path });
    expect(verified.stdout).toMatch(
      /^identical: 8 steps, 3 evaluations and 2 checkpoints are those of two, bit for bit$/m,
    );
    expect(verified.code).toBe(0);
  });

  it('ends on all ranks, with one line of each, where one has other options', async () => {
    const ranks = ['', '--margin 0.3'].map((more) => `${settings} --out other ${more}`);
    const { code, stderr } = await failedRanks(folder.path, ranks);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^dws: rank 1 \(.+\) has options other than rank 0 \(.+\): every rank needs the same\./m);
    expect(stderr).not.toMatch(/\n {4}at /);
  });

  it('is refused where a batch can’t be divided, on one line', async () => {
    const { code, stderr } = await run('undivided', '--ranks 3');
    expect(code).toBe(1);
    expect(stderr).toMatch(/^dws: --batch-size 4 can't be divided among 3 ranks: give a multiple of 6, 6 say\.$/m);
    // Every rank has met it, and one says so.
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });
});

describe('ranks that can’t be', () => {
  it('says what to install where there is no mpirun', async () => {
    const { code, stderr } = await run('none', '--ranks 2', { PATH: '' });
    expect([code, stderr.trim().split('\n')]).toEqual([1, [expect.stringMatching(/^dws: .*install .*openmpi-bin/)]]);
  });

  it('never trains as several worlds of one, started by what does not know of MPI', async () => {
    const torchrun = { RANK: '0', WORLD_SIZE: '2', LOCAL_RANK: '0', MASTER_ADDR: 'localhost', MASTER_PORT: '29500' };
    const { code, stderr } = await run('torchrun', '', torchrun);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^dws: torchrun has started 2 processes .*mpirun -n 2/m);
  });
});
