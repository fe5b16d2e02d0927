/** `dws verify` and `dws diff` through the built program: what they say, and their exit codes. */
import { cp, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { writeImageFolder } from '../helpers/images.js';
import { temporaryFolder } from '../runner/data/images.js';
import { dws } from './dws.js';

const folder = temporaryFolder();
const inFolder = (args: string, interruptAt?: RegExp) => dws(args.split(' '), { cwd: folder.path, interruptAt });
const record = () => path.join(folder.path, 'run', 'my-run.json');

const settings =
  '--data-path data --model squeezenet1_1 --image-size 32 --embed-dim 8 --feat-dim 16 --batch-size 4 --batch-k 2 --seed 3 ' +
  '--workers 0 --threads 1 --epochs 2 --batch-num 2 --lr 0.001';

beforeAll(async () => {
  await writeImageFolder(path.join(folder.path, 'data'));
  await inFolder(`train ${settings} --out run --save-prefix my-`);
  await inFolder(`train ${settings} --out other --lr 0.002`);
});

it('verify says that a run is identical, with 0', async () => {
  const { code, stdout, stderr } = await inFolder('verify run');
  expect(stdout).toBe(
    'repeating 4 steps (2 epochs) with --threads 1 --seed 3 on cpu\n' +
      'identical: 4 steps, 3 evaluations and 2 checkpoints are those of run, bit for bit\n',
  );
  expect([code, stderr]).toEqual([0, '']);
});

it('verify says what has changed before it repeats anything, with 4, and repeats it all the same when told to', async () => {
  const text = await readFile(record(), 'utf8');
  await writeFile(
    record(),
    text.replace(/"sharp": ".*?"/, '"sharp": "0.0.1"').replace(/"cpu": ".*?"/, '"cpu": "Abacus"'),
  );
  const { code, stdout } = await inFolder('verify run');
  expect(stdout).toMatch(
    /^changed since the training:\n {2}sharp: 0\.0\.1 -> [\d.]+\nalso another .*\n {2}CPU: Abacus -> .*\nnot repeated: .*--anyway\.\n$/,
  );
  expect(code).toBe(4);
  const anyway = await inFolder('verify run --anyway --epochs 1');
  expect(anyway.stdout).toMatch(/sharp: 0\.0\.1 -> .*\n(.*\n)*identical: 2 steps/);
  expect(anyway.code).toBe(0);
  await writeFile(record(), text);
});

it('verify says where other numbers come out, with 3, also as JSON', async () => {
  const text = await readFile(record(), 'utf8');
  await writeFile(record(), text.replaceAll('"margin": 0.2', '"margin": 0.3'));
  const { code, stdout } = await inFolder('verify run --anyway --epochs 1');
  expect(stdout).toMatch(/^changed since the training:\n(.*\n)* {2}--margin: 0\.2 -> 0\.3\n/);
  expect(stdout).toMatch(/\ndiffers from run:\n {2}loss of step 1: \S+ -> \S+\n {2}what has changed: .*--margin/);
  expect(code).toBe(3);
  const json = await inFolder('verify run --json');
  expect(JSON.parse(json.stdout)).toMatchObject({ outcome: 'changed' });
  await writeFile(record(), text);
});

it('verify says that it repeats a run when the images could be read, and not before', async () => {
  await cp(path.join(folder.path, 'data'), path.join(folder.path, 'torn'), { recursive: true });
  await writeFile(path.join(folder.path, 'torn/train/train-0/0.png'), 'no image');
  const { code, stdout, stderr } = await inFolder('verify run --data-path torn --anyway');
  expect(stdout).not.toContain('repeating');
  expect(stderr).toMatch(/^dws: 1 of 12 images in .* cannot be read:/);
  expect(code).toBe(1);
});

it('verify ends at Ctrl-C, with 130', async () => {
  const { code, stdout } = await inFolder('verify run', /^repeating/);
  expect(stdout).toMatch(/\ninterrupted\n$/);
  expect(code).toBe(130);
});

it('diff tells what two runs have and have not in common, with 3, and 0 for the same', async () => {
  const { code, stdout } = await inFolder('diff run other');
  expect(stdout).toMatch(/^options\n {2}--lr: 0\.001 -> 0\.002\nfacts\n {2}the same\n/);
  expect(stdout).toMatch(/the first difference in 4 steps and 3 evaluations: loss of step 2: /);
  expect(stdout).toMatch(
    /checkpoint\.safetensors: other .*hyperparameters.*; \d+ of \d+ tensors differ, the first \S+ in /,
  );
  expect(code).toBe(3);
  const same = await inFolder('diff run run/my-run.json');
  expect([same.code, same.stdout.trim().split('\n').at(-1)]).toEqual([0, 'the same numbers, bit for bit']);
});

it('a folder without a run is an error, with 1', async () => {
  expect(await inFolder('verify data')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('dws: data has no run.json inside'),
  });
  expect(await inFolder('diff run nowhere')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("dws: can't read nowhere"),
  });
});
