/** What happens around a training, through the built program: its output, its terminal, a second one, and how it goes on. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadCheckpoint, openRun, readMetrics } from '../../src/index.js';
import { writeImageFolder } from '../helpers/images.js';
import { temporaryFolder } from '../runner/data/images.js';
import type { Circumstances, Finished } from './dws.js';
import { dws } from './dws.js';

const folder = temporaryFolder();
const at = (...names: string[]) => path.join(folder.path, ...names);
const checkpointOf = (out: string) => at(out, 'checkpoint.safetensors');
const inFolder = (args: string, circumstances: Circumstances = {}) =>
  dws(args.split(' '), { cwd: folder.path, ...circumstances });

const network = '--model squeezenet1_1 --image-size 32 --feat-dim 16 --embed-dim 8 --batch-size 4 --batch-k 2 --seed 3';
const settings = `train --data-path data ${network} --epochs 2 --batch-num 4 --checkpoint-every 1 --steps-per-run 1 --print-freq 1 --workers 1 --threads 1`;
const run = (out: string, circumstances: Circumstances = {}, more = '') =>
  inFolder(`${settings} --out ${out} ${more}`.trim(), circumstances);
const afterStep = (step: number) => new RegExp(`epoch 1/2 +step ${step}/4`);

let whole: Buffer;

async function expectSame(out: string): Promise<void> {
  expect((await readFile(checkpointOf(out))).equals(whole)).toBe(true);
}

async function expectSameEnd(out: string): Promise<Finished> {
  const finished = await run(out, {}, '--resume auto');
  expect(finished).toMatchObject({ code: 0, stderr: '' });
  await expectSame(out);
  return finished;
}

function expectRefusal({ code, stderr }: Finished, message: RegExp): void {
  expect(stderr).toMatch(message);
  expect(stderr).not.toMatch(/\n {4}at /);
  expect(code).toBe(1);
}

beforeAll(async () => {
  await writeImageFolder(at('data'));
  await chmod(folder.path, 0o755);
  expect(await run('whole')).toMatchObject({ code: 0, stderr: '' });
  whole = await readFile(checkpointOf('whole'));
  expect(await readdir(at('whole'))).not.toContain('run.lock');
});

describe.runIf(process.platform === 'linux')('output that is not taken any more', () => {
  it.each([
    ['lines', ''],
    ['JSON', '--json'],
  ])('ends a training whose reader of %s has gone as a signal does', async (_, more) => {
    const out = `head${more}`;
    const { code, stderr } = await run(out, { redirect: '| head -3' }, more);
    expect([code, stderr]).toEqual([141, '']);
    expect((await openRun(at(out))).last.status).toBe('interrupted');
    await expectSameEnd(out);
  });

  it('is done without on a full disk, which is told', async () => {
    const { code, stderr } = await run('full', { redirect: '> /dev/full' });
    expect(code).toBe(0);
    expect(stderr).toMatch(/^dws: can't write the output: the disk is full.*The work goes on without\.\n$/);
    await expectSame('full');
  });

  it('is an error where it is all that was asked for', async () => {
    const { code, stderr } = await inFolder('diff whole whole --json', { redirect: '> /dev/full' });
    expect(stderr).toMatch(/^dws: can't write the output: the disk is full/);
    expect(code).toBe(1);
  });
});

describe('signals', () => {
  it.runIf(process.platform !== 'win32').each<[signal: NodeJS.Signals, code: number, what: string]>([
    ['SIGHUP', 129, 'of a terminal that closes'],
    ['SIGINT', 130, 'of Ctrl-C, which npx passes on once more,'],
  ])('%s, %d: those %s save a checkpoint, however many come at once', async (signal, code) => {
    const out = `by-${signal}`;
    const send = () => {
      const [pid] = execFileSync('pgrep', ['-f', '--', `--out ${out}`])
        .toString()
        .split('\n');
      for (let i = 0; i < 3; i++) process.kill(Number(pid), signal);
    };
    const ended = await run(out, { interruptAt: afterStep(2), onMatch: send });
    expect(ended.code).toBe(code);
    expect(ended.stdout).toMatch(/stopping with a checkpoint/);
    await expectSameEnd(out);
  });

  it('before the first step promise no checkpoint', async () => {
    const { code, stdout } = await run('early', { interruptAt: /checking images of train/ });
    expect(code).toBe(130);
    expect(stdout).toMatch(/stopping, and no step is done yet that could be saved/);
    expect(stdout).not.toMatch(/with a checkpoint|to go on/);
    expect(existsSync(checkpointOf('early'))).toBe(false);
  });

  it('are answered whatever --steps-per-run is', async () => {
    const more = '--steps-per-run 1000000000 --batch-num 1000000000 --checkpoint-every 1000000000';
    const { code } = await run('many', { interruptAt: /before training/, signal: 'SIGTERM' }, more);
    expect(code).toBe(143);
  });
});

describe('two trainings at once', () => {
  it('in one folder are one: the other names it, and writes nothing', async () => {
    let second: Promise<Finished> | undefined;
    const first = await run('shared', {
      // Of all that comes after the lock, the first: the other one has to begin before this one ends.
      interruptAt: /checking images of train/,
      onMatch: () => (second = run('shared', {}, '--resume auto')),
    });
    expectRefusal(await second!, /^dws: shared is being written to by process \d+ on .*\. Wait for its end/m);
    expect(first.code).toBe(0);
    await expectSame('shared');
    expect(await readMetrics(at('shared', 'metrics.jsonl'))).toHaveLength(8 + 3);
  });

  it('with names of their own do not touch each other', async () => {
    let second: Promise<Finished> | undefined;
    const first = await run('named', {
      interruptAt: afterStep(1),
      onMatch: () => (second = run('named', {}, '--save-prefix run1-')),
    });
    expect([first.code, (await second!).code]).toEqual([0, 0]);
    await expectSame('named');
    expect((await readFile(at('named', 'run1-checkpoint.safetensors'))).equals(whole)).toBe(true);
  });
});

describe('a training that goes on', () => {
  beforeAll(async () => {
    await run('stopped', { interruptAt: afterStep(2), signal: 'SIGTERM' }, '--keep 2 --tensorboard');
    await cp(at('stopped'), at('stopped-too'), { recursive: true });
  });

  it('takes what is not given from its run, by the name of its folder, and tells it', async () => {
    const { code, stdout, stderr } = await inFolder('train --resume stopped');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^from stopped.checkpoint\.safetensors: --model squeezenet1_1 /m);
    expect(stdout).toMatch(/^from stopped.run\.json: /m);
    for (const option of [
      '--data-path data',
      '--epochs 2',
      '--workers 1',
      '--keep 2',
      '--checkpoint-every 1',
      '--tensorboard',
    ])
      expect(stdout).toContain(option);
    await expectSame('stopped');
    const { options } = (await openRun(at('stopped'))).last;
    expect(options).toMatchObject({ keep: 2, tensorboard: true, checkpointEvery: 1, epochs: 2 });
    expect(path.resolve(options.dataPath)).toBe(at('data'));
    const names = await readdir(at('stopped'));
    expect(names.filter((name) => name.startsWith('events.out.tfevents.'))).toHaveLength(2);
  });

  it('asks for the images where no record tells them', async () => {
    await rm(at('stopped-too', 'run.json'));
    expectRefusal(
      await inFolder('train --resume stopped-too'),
      /^dws: --data-path is not given, and no record of the run tells it/,
    );
  });

  it('is what the folder of another one leads to', async () => {
    expectRefusal(
      await run('stopped'),
      /^dws: stopped holds a training already \(.*\)\. Go on from it with --resume stopped, or choose another folder with --out\.$/m,
    );
  });

  it('says which steps its metrics lack, and is verified all the same', async () => {
    await cp(at('whole'), at('gap'), { recursive: true });
    const file = at('gap', 'metrics.jsonl');
    const lines = (await readFile(file, 'utf8')).split('\n');
    await writeFile(
      file,
      lines.filter((line) => !/"step":[67],/.test(line) && !/"eval".*"step":8/.test(line)).join('\n'),
    );
    const { stdout, code } = await inFolder('verify gap');
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(/^identical: 6 steps, .*\nnot compared: 2 steps that its metrics\.jsonl lacks/m),
    ]);
    const resumed = await inFolder('train --resume gap --epochs 3');
    expect(resumed.stdout).toMatch(
      /metrics\.jsonl lacks steps that the checkpoint has, as after a power cut: 6 to 7\. /,
    );
    expect(resumed.code).toBe(0);
  });
});

it("a command takes a run's folder for its best checkpoint", async () => {
  const { code, stdout } = await inFolder('export --checkpoint whole -o whole.safetensors');
  expect([code, stdout]).toEqual([0, 'whole.safetensors\n']);
  const { best } = (await loadCheckpoint(checkpointOf('whole'))).metadata;
  const { stdout: written } = await inFolder('eval --checkpoint whole --data-path data --threads 1 --workers 1');
  expect(written).toContain(` ${best!.recall.toFixed(4)}`);
});

describe.runIf(process.platform === 'linux')('where there is less than usual', () => {
  it.each([
    'train --data-path data --resume pipe',
    'eval --checkpoint pipe --data-path data',
    'report pipe',
    'verify pipe',
  ])('dws %s tells a pipe from a file', async (command) => {
    if (!existsSync(at('pipe'))) execFileSync('mkfifo', [at('pipe')]);
    expectRefusal(await inFolder(command), /^dws: can't read pipe: it is a pipe or a device, not a file/);
  });

  it.runIf(process.getuid?.() === 0)('the program starts without a home folder', async () => {
    const user = { uid: 54_321, gid: 54_321 };
    const env = { HOME: undefined, XDG_CACHE_HOME: undefined, DWS_CACHE: undefined };
    const { code, stderr } = await inFolder('--version', { user, env });
    expect([code, stderr]).toEqual([0, '']);
    await mkdir(at('open'));
    await chmod(at('open'), 0o777);
    const weights = await inFolder(`train --data-path data --use-pretrained ${network} --out open/run`, { user, env });
    expectRefusal(
      weights,
      /^dws: this user has no home folder to keep files in: set HOME, or name a folder with DWS_CACHE\.$/m,
    );
  });

  it.each([
    ['by what every command loads', '--version', 40],
    ['by what a command loads when it runs', 'report none', 64],
  ])('too few open files are told, %s', async (_, command, files) => {
    expectRefusal(
      await inFolder(command, { ulimit: `-n ${files}` }),
      /^dws: too many open files \(EMFILE\).*ulimit -n 1024$/m,
    );
  });
});
