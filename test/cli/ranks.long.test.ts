/** Ranks that are stopped, lost or started in another number. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { cp, link, mkdir, readdir, readFile, rename } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadCheckpoint, openRun, readMetrics } from '../../src/index.js';
import { writeImageFolder } from '../helpers/images.js';
import { failedRanks, hasOpenMpi } from '../helpers/mpi.js';
import { temporaryFolder } from '../runner/data/images.js';
import type { Circumstances } from './dws.js';
import { dws } from './dws.js';

const folder = temporaryFolder();
const at = (...names: string[]) => path.join(folder.path, ...names);

const network = '--image-size 32 --feat-dim 16 --embed-dim 8 --batch-size 4 --batch-k 2 --seed 3';
const settings = `train --data-path data ${network} --lr 0.001 --epochs 2 --batch-num 12 --print-freq 1 --workers 0 --threads 1 --rank-timeout 10`;
const run = (out: string, more: string, circumstances: Circumstances = {}) =>
  dws(`${settings} --model squeezenet1_1 --out ${out} ${more}`.split(' '), { cwd: folder.path, ...circumstances });

const preload = `--import ${new URL('../helpers/watched-loader.mjs', import.meta.url).href}`;

const checkpointOf = (out: string) => readFile(at(out, 'checkpoint.safetensors'));
const lossesOf = async (out: string) =>
  (await readMetrics(at(out, 'metrics.jsonl'))).flatMap((line) => (line.kind === 'step' ? [line.loss!] : []));

/** Of a training whose processes have `DWS_TRIAL` in their environment. */
function pidOfRank(trial: string, rank: number): number {
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const environment = readFileSync(`/proc/${name}/environ`, 'utf8').split('\0');
      if (!environment.includes(`DWS_TRIAL=${trial}`)) continue;
      if (environment.includes(`OMPI_COMM_WORLD_RANK=${rank}`)) return Number(name);
    } catch {
      // It has ended meanwhile.
    }
  }
  throw new Error(`rank ${rank} of ${trial} is not there`);
}

const afterStep5 = /epoch 1\/2 +step 5\/12/;

describe.runIf(hasOpenMpi && process.platform === 'linux')('ranks', () => {
  beforeAll(async () => {
    await writeImageFolder(at('data'));
    expect(await run('whole', '--ranks 2')).toMatchObject({ code: 0, stderr: '' });
  });

  it('go on in as many to the same bytes, and in another number with the same losses', async () => {
    await run('half', '--ranks 2 --epochs 1');
    expect(await run('half', '--ranks 2 --resume auto')).toMatchObject({ code: 0, stderr: '' });
    expect((await checkpointOf('half')).equals(await checkpointOf('whole'))).toBe(true);
    await run('four', '--ranks 4 --epochs 1');
    expect(await run('four', '--resume auto')).toMatchObject({ code: 0, stderr: '' });
    const [four, whole] = await Promise.all(['four', 'whole'].map(lossesOf));
    // Losses of some steps later move with the last bit of the first ones.
    four!.forEach((loss, i) => expect(Math.abs(loss - whole![i]!)).toBeLessThan(1e-5));
    expect((await openRun(at('four'))).last.options.ranks).toBeUndefined();
  });

  it('have the batch statistics of their images, as pieces of that size have', async () => {
    const both = `${settings} --model resnet18 --epochs 1 --batch-num 4`;
    const train = (more: string) => dws(`${both} ${more}`.split(' '), { cwd: folder.path });
    const { stdout } = await train('--out replicas --ranks 2');
    expect(stdout).toContain("note: batch normalization takes the statistics of each rank's 2 images, not of all 4");
    await train('--out pieces --micro-batch 2');
    const [replicas, pieces] = await Promise.all(['replicas', 'pieces'].map(lossesOf));
    replicas!.forEach((loss, i) => expect(Math.abs(loss - pieces![i]!)).toBeLessThan(1e-5));
  });

  it('train nothing where one has other images', async () => {
    await cp(at('data'), at('other'), { recursive: true });
    const [first, second] = (await readdir(at('other', 'train'))).sort();
    await rename(at('other', 'train', first!), at('other', 'train', `${second}-too`));
    const ranks = ['data', 'other'].map(
      (data) => `${settings.replace('--data-path data', `--data-path ${data}`)} --model squeezenet1_1 --out others`,
    );
    const { code, stderr } = await failedRanks(folder.path, ranks);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^dws: rank 1 \(.+\) has images other than rank 0 \(.+\): every rank needs the same\./m);
  });

  it('wait for one that checks images for longer than --rank-timeout, as long as it does', async () => {
    // Three times 256 images are those of rank 1.
    for (let i = 0; i < 384; i++) {
      for (const label of [0, 1, 2, 3]) {
        await mkdir(at('many', 'train', `train-${label}`), { recursive: true });
        await link(at('data', 'train', `train-${label}`, '0.png'), at('many', 'train', `train-${label}`, `${i}.png`));
      }
    }
    const env = { NODE_OPTIONS: preload, SLOW_CHECK: '2500' };
    const many = '--data-path many --eval-every 0 --epochs 1 --batch-num 2 --rank-timeout 5';
    expect(await run('slow', `--ranks 2 ${many}`, { env })).toMatchObject({ code: 0, stderr: '' });
    const { code, stderr } = await run('slower', `--ranks 2 ${many}`, { env: { ...env, SLOW_CHECK: '20000' } });
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/waited more than 5 s in allGather \(call \d+\) for rank 1 on .*has done nothing else/);
  });

  it.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const)(
    'stop together at %s, with a checkpoint from which they go on to the same bytes',
    async (signal, code) => {
      const out = `stopped-${signal}`;
      const stopped = await run(out, '--ranks 2', { interruptAt: afterStep5, signal });
      expect(stopped.code).toBe(code);
      const { step } = (await loadCheckpoint(at(out, 'checkpoint.safetensors'))).metadata;
      expect(step).toBeGreaterThanOrEqual(5);
      expect(step).toBeLessThan(12);
      expect(await run(out, '--ranks 2 --resume auto')).toMatchObject({ code: 0, stderr: '' });
      expect((await checkpointOf(out)).equals(await checkpointOf('whole'))).toBe(true);
    },
  );

  it.each([
    ['killed', 'SIGKILL', 0],
    ['killed', 'SIGKILL', 1],
    ['stalled', 'SIGSTOP', 1],
  ] as const)(
    'end within twice the time, and go on to the same bytes, where one is %s (%s, rank %i)',
    async (_, signal, rank) => {
      const trial = `${signal}-${rank}`;
      let sent = 0;
      const onMatch = () => {
        process.kill(pidOfRank(trial, rank), signal);
        sent = performance.now();
      };
      const circumstances = { interruptAt: afterStep5, onMatch, env: { DWS_TRIAL: trial } };
      const lost = await run(trial, '--ranks 2 --checkpoint-every 2', circumstances);
      expect((performance.now() - sent) / 1000).toBeLessThan(2 * 10);
      expect(lost.code).not.toBe(0);
      expect(lost.stderr).not.toMatch(/\n {4}at /);
      expect(() => pidOfRank(trial, 0)).toThrow('is not there');
      expect(() => pidOfRank(trial, 1)).toThrow('is not there');
      expect(await run(trial, '--ranks 2 --resume auto')).toMatchObject({ code: 0, stderr: '' });
      expect((await checkpointOf(trial)).equals(await checkpointOf('whole'))).toBe(true);
      expect(execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' })).not.toContain(at(trial));
    },
  );
});
