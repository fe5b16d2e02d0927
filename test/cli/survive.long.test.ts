/** What a training outlives, through the built program: it ends with a clear line, and goes on to the same bytes. */
import { writeFileSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadCheckpoint } from '../../src/runner/checkpoints/checkpoint.js';
import { writeImageFolder } from '../helpers/images.js';
import { temporaryFolder } from '../runner/data/images.js';
import type { Circumstances, Finished } from './dws.js';
import { dws } from './dws.js';

const folder = temporaryFolder();
const at = (...names: string[]) => path.join(folder.path, ...names);
const checkpointOf = (out: string) => at(out, 'checkpoint.safetensors');

const settings =
  'train --data-path data --model squeezenet1_1 --image-size 32 --feat-dim 16 --embed-dim 8 --batch-size 4 --batch-k 2 --seed 3 ' +
  '--epochs 2 --batch-num 4 --checkpoint-every 1 --steps-per-run 1 --print-freq 1 --workers 1 --threads 1 --resume auto';

const run = (out: string, circumstances: Circumstances = {}, more = '') =>
  dws(`${settings} --out ${out} ${more}`.trim().split(' '), { cwd: folder.path, ...circumstances });

/** The line of a step of the first epoch. */
const afterStep = (step: number) => new RegExp(`epoch 1/2 +step ${step}/4`);

/** A line for people: no stack, nothing after it. */
function expectRefusal({ code, stderr }: Finished, message: RegExp): void {
  expect(stderr).toMatch(message);
  expect(stderr).not.toMatch(/\n {4}at /);
  expect(code).toBe(1);
}

let whole: Buffer;

/** Lets a run go on to its end. */
async function expectSameEnd(out: string): Promise<Finished> {
  const finished = await run(out);
  expect(finished).toMatchObject({ code: 0 });
  expect((await readFile(checkpointOf(out))).equals(whole)).toBe(true);
  return finished;
}

beforeAll(async () => {
  await writeImageFolder(at('data'));
  await chmod(folder.path, 0o755);
  expect(await run('whole')).toMatchObject({ code: 0, stderr: '' });
  whole = await readFile(checkpointOf('whole'));
});

describe('a process that is ended', () => {
  it('by SIGKILL leaves a whole checkpoint to go on from', async () => {
    const killed = await run('killed', { interruptAt: afterStep(3), signal: 'SIGKILL' });
    expect(killed.signal).toBe('SIGKILL');
    const { step } = (await loadCheckpoint(checkpointOf('killed'))).metadata;
    expect(step).toBeGreaterThan(0);
    expect((await expectSameEnd('killed')).stdout).toMatch(new RegExp(`resumed {2}after .*${step} step`));
  });

  it('by SIGTERM saves a checkpoint and ends with 143', async () => {
    const ended = await run('terminated', { interruptAt: afterStep(2), signal: 'SIGTERM' });
    expect(ended.code).toBe(143);
    expect(ended.stderr + ended.stdout).toMatch(/stopping with a checkpoint/);
    await expectSameEnd('terminated');
  });

  it('by --max-hours saves a checkpoint and ends well', async () => {
    const ended = await run('limited', {}, '--max-hours 0.0000001 --epochs 2');
    expect(ended.code).toBe(0);
    expect(ended.stdout + ended.stderr).toMatch(/--max-hours 1e-7 are over: stopping/);
    await expectSameEnd('limited');
  });
});

describe('a checkpoint that is damaged', () => {
  it('is named, and the training begins anew where it was the only one', async () => {
    await run('damaged', { interruptAt: afterStep(2), signal: 'SIGKILL' });
    await rm(at('damaged', 'best.safetensors'), { force: true });
    await truncate(checkpointOf('damaged'), 1000);
    const { stdout, stderr } = await expectSameEnd('damaged');
    expect(stdout + stderr).toMatch(/checkpoint\.safetensors is damaged/);
    expect(stdout + stderr).toMatch(/no whole checkpoint in damaged: training from the start/);
    expect(stdout).toMatch(
      /checkpoint\.safetensors is damaged, and kept as damaged.checkpoint\.safetensors\.damaged$/m,
    );
    expect(await readFile(`${checkpointOf('damaged')}.damaged`)).toHaveLength(1000);
  });

  it('keeps a training without --resume auto from writing over what may be mended', async () => {
    await mkdir(at('kept'));
    await writeFile(checkpointOf('kept'), 'half a checkpoint');
    const args = settings.replace(' --resume auto', ' --out kept').split(' ');
    expectRefusal(await dws(args, { cwd: folder.path }), /^dws: kept holds a training already/);
    expect(await readFile(checkpointOf('kept'), 'utf8')).toBe('half a checkpoint');
  });
});

describe('a place that takes no checkpoint', () => {
  it('that may not be written to is told before anything is trained', async () => {
    await mkdir(at('read-only'));
    await chmod(at('read-only'), 0o555);
    // Root may write everywhere.
    const user = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : undefined;
    const refused = await run('read-only', { user });
    expectRefusal(refused, /^dws: can't write to the folder .*read-only: permission denied/);
    expect(refused.stdout).not.toMatch(/step \d/);
    await chmod(at('read-only'), 0o755);
    await expectSameEnd('read-only');
  });

  it('for want of room keeps the checkpoint that is there, whole', async () => {
    await run('full', {}, '--epochs 1');
    const before = await readFile(checkpointOf('full'));
    const failed = await run('full', { ulimit: '-f 2000' });
    expectRefusal(failed, /^dws: can't write .*checkpoint\.safetensors: the file is larger than .*\(EFBIG\)/m);
    expect((await readFile(checkpointOf('full'))).equals(before)).toBe(true);
    expect((await readdir(at('full'))).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    await expectSameEnd('full');
  });
});

describe('a thread that dies', () => {
  /** Ends one kind of worker thread as soon as a file is there. */
  const dying = (kind: 'compute' | 'decode', file: string) =>
    `data:text/javascript,${encodeURIComponent(
      `import { existsSync } from 'node:fs'; import { isMainThread, workerData } from 'node:worker_threads';
       const kind = workerData?.device ? 'compute' : 'decode';
       if (!isMainThread && kind === '${kind}') setInterval(() => existsSync(${JSON.stringify(file)}) && process.exit(7), 1);`,
    )}`;

  it.each<['compute' | 'decode', RegExp]>([
    [
      'compute',
      /^dws: the compute thread has ended \(code 7\)\. Go on from the last checkpoint with --resume auto\.$/m,
    ],
    ['decode', /^dws: a thread that decodes images has ended \(.*\)\. Lower --workers .* go on with --resume auto\.$/m],
  ])('%s is told', async (kind, message) => {
    const file = at(`${kind}.end`);
    const env = { NODE_OPTIONS: `--import=${dying(kind, file)}` };
    expectRefusal(await run(kind, { env, interruptAt: afterStep(2), onMatch: () => writeFileSync(file, '') }), message);
    expect((await loadCheckpoint(checkpointOf(kind))).metadata.step).toBeGreaterThan(0);
    await expectSameEnd(kind);
  });
});

it('a batch that memory has no room for is told, and the checkpoint stays', async () => {
  await run('large', {}, '--epochs 1');
  const before = await readFile(checkpointOf('large'));
  const more = '--image-size 224 --batch-size 200 --batch-k 50 --small-classes repeat';
  const failed = await run('large', { ulimit: '-v 4000000' }, more);
  expectRefusal(
    failed,
    /^dws: train_loop on cpu: not enough memory\. Lower --batch-size, --micro-batch or --image-size.*\n$/m,
  );
  expect((await readFile(checkpointOf('large'))).equals(before)).toBe(true);
  await expectSameEnd('large');
});

describe('losses that are not finite', () => {
  it.each([
    ['stop', /^(?!.*--nan-policy)/s],
    ['rollback', /back to step 0, with other random numbers \(--nan-policy rollback, 5 of 5\)/],
  ])('end a training by --nan-policy %s where there is nothing else', async (policy, notes) => {
    const { code, stdout, stderr } = await run(`nan-${policy}`, {}, `--lr 1e38 --wd 1e30 --nan-policy ${policy}`);
    expect(stderr).toMatch(/^dws: .*: the training has diverged\. .* Try a lower --lr \(now 1e\+38\)/m);
    expect(stderr).not.toMatch(/\n {4}at /);
    expect(code).toBe(1);
    expect(stdout).toMatch(notes);
  });

  it('are kept away by --clip-norm, which tells the length of the gradient', async () => {
    const { code, stdout } = await run('clipped', {}, '--clip-norm 0.001 --json');
    const steps = stdout
      .split('\n')
      .filter((line) => line.includes('"kind":"steps"'))
      .map((line) => JSON.parse(line) as { gradientNorm: number });
    expect(code).toBe(0);
    expect(steps).toHaveLength(8);
    expect(steps.every(({ gradientNorm }) => gradientNorm > 0.001)).toBe(true);
  });
});
