/** `dws embed` and `dws eval` on several ranks. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { writeImageFolder } from '../helpers/images.js';
import { failedRanks, hasOpenMpi } from '../helpers/mpi.js';
import { temporaryFolder } from '../runner/data/images.js';
import type { Circumstances } from './dws.js';
import { dws } from './dws.js';

const folder = temporaryFolder();
const at = (...names: string[]) => path.join(folder.path, ...names);
const run = (line: string, circumstances: Circumstances = {}) =>
  dws(line.trim().split(' '), { cwd: folder.path, ...circumstances });

const preload = `--import ${new URL('../helpers/watched-loader.mjs', import.meta.url).href}`;
const usual = '--checkpoint run --threads 1 --workers 0 --batch-size 8 --skip-bad --rank-timeout 60';
const embed = (out: string, more = '') => `embed data/val ${usual} -o ${out} ${more}`;
const evaluate = `eval --data-path data --metrics all --json ${usual}`;

beforeAll(async () => {
  // 35 that can be read, in batches of 8.
  await writeImageFolder(at('data'), { images: 9 });
  await writeFile(at('data', 'val', 'val-1', '4.png'), 'no image');
  const network = '--model squeezenet1_1 --image-size 32 --feat-dim 16 --embed-dim 8 --batch-size 4 --batch-k 2';
  const trained = await run(
    `train --data-path data ${network} --epochs 1 --batch-num 1 --skip-bad --workers 0 --threads 1 --out run`,
  );
  expect(trained).toMatchObject({ code: 0, stderr: '' });
});

describe.runIf(hasOpenMpi)('on ranks', () => {
  it('embeds to the bytes of one process, and each image is read by one that needs it', async () => {
    const large = '--batch-size 32';
    const alone = await run(embed('one.npy', large));
    await mkdir(at('read'));
    const env = { NODE_OPTIONS: preload, READ_BY: at('read') };
    const shared = await run(embed('several.npy', `${large} --ranks 3`), { env });
    expect(shared).toMatchObject({ code: 0, stderr: '' });
    expect(shared.stdout.replaceAll('several', 'one')).toBe(alone.stdout);
    expect(alone.stdout).toContain('35 embeddings of 8 dimensions');
    const files = (name: string) => Promise.all([`${name}.npy`, `${name}.txt`].map((file) => readFile(at(file))));
    expect(await files('several')).toEqual(await files('one'));
    const read = await Promise.all(['0', '1', '2'].map((rank) => readFile(at('read', rank), 'utf8').catch(() => '')));
    const counts = (what: string) => read.map((text) => text.match(new RegExp(`^${what} .+$`, 'gm'))?.length ?? 0);
    expect(counts('check')).toEqual([32, 4, 0]);
    expect(counts('decode')).toEqual([32, 3, 0]);
    expect(new Set(read.join('').trim().split('\n')).size).toBe(36 + 35);
  });

  it('evaluates to the numbers of one process', async () => {
    const numbers = async (more: string) => {
      const { stdout, stderr } = await run(`${evaluate} ${more}`);
      expect(stderr).toBe('');
      return { ...(JSON.parse(stdout) as object), seconds: 0 };
    };
    expect(await numbers('--ranks 2')).toEqual(await numbers(''));
  });

  it('ends on one line of the first where images can’t be read', async () => {
    const { code, stderr } = await run(embed('none.npy', '--ranks 2').replace('--skip-bad ', ''));
    expect(code).toBe(1);
    expect(stderr.match(/^dws: /gm)).toHaveLength(1);
    expect(stderr).toContain('1 of 36 images cannot be read');
    expect(await readdir(folder.path)).not.toContain('none.npy');
  });

  it('names a rank that has other images', async () => {
    await mkdir(at('other'));
    await writeFile(at('other', '1.png'), await readFile(at('data', 'val', 'val-0', '1.png')));
    const lines = ['data/val', 'other'].map((images) => embed('none.npy').replace('data/val', images));
    const { code, stderr } = await failedRanks(folder.path, lines);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^dws: rank 1 \(.+\) has images other than rank 0 \(.+\): every rank needs the same\./m);
  });
});

it('is never several worlds of one', async () => {
  const torchrun = { RANK: '0', WORLD_SIZE: '2', LOCAL_RANK: '0', MASTER_ADDR: 'localhost', MASTER_PORT: '29500' };
  const { code, stderr } = await run(embed('none.npy'), { env: torchrun });
  expect(code).toBe(1);
  expect(stderr).toMatch(/^dws: torchrun has started 2 processes .*mpirun -n 2/m);
});
