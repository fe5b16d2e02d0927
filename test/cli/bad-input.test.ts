/** What a person may get wrong, through the built program: one clear line, and exit code 1. */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { saveCheckpoint } from '../../src/runner/checkpoints/checkpoint.js';
import { writeImageFolder } from '../helpers/images.js';
import { pattern, temporaryFolder, truncated, writeFiles } from '../runner/data/images.js';
import { smallCheckpoint } from '../runner/checkpoints/small-checkpoint.js';
import { dws } from './dws.js';

const folder = temporaryFolder();
const at = (...names: string[]) => path.join(folder.path, ...names);

const SMALL = ['--model', 'resnet18', '--image-size', '32', '--batch-size', '4', '--batch-k', '2', '--workers', '0'];

/** The error of `dws train`; it has no stack and nothing is printed before it. */
async function refusal(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await dws([
    'train',
    '--data-path',
    at('data'),
    '--out',
    at('out'),
    ...SMALL,
    ...args,
  ]);
  expect(stderr).toMatch(/^dws: /);
  expect(stderr).not.toMatch(/\n {4}at /);
  expect(stdout).not.toMatch(/step \d/);
  expect(code).toBe(1);
  return stderr;
}

beforeAll(async () => {
  await writeImageFolder(at('data'));
  await saveCheckpoint(at('other.safetensors'), smallCheckpoint());
});

describe('data', () => {
  it('a missing folder', async () => {
    expect(await refusal('--data-path', at('nowhere'))).toMatch(/the data .*nowhere does not exist/);
  });

  it('an empty folder', async () => {
    await mkdir(at('empty', 'train'), { recursive: true });
    expect(await refusal('--data-path', at('empty'))).toMatch(/has no class folders/);
  });

  it('a folder of one class', async () => {
    await writeFiles(at('single'), { 'train/a/1.png': pattern(8, 8), 'train/a/2.png': pattern(8, 8, 3, 1) });
    expect(await refusal('--data-path', at('single'))).toMatch(/images of one class only/);
  });

  it('files that are no images are named and counted, and left out with --skip-bad', async () => {
    await writeImageFolder(at('bad'));
    await writeFiles(at('bad'), {
      'train/train-0/text.jpg': 'no image',
      'train/train-1/none.png': '',
      'whole.jpg': pattern(64, 64),
    });
    await truncated(at('bad/whole.jpg'), at('bad/train/train-2/cut.jpg'), 0.5);
    const message = await refusal('--data-path', at('bad'));
    expect(message).toMatch(/3 of \d+ images .* cannot be read/);
    for (const name of ['text.jpg', 'none.png', 'cut.jpg']) expect(message).toContain(name);
    expect(message).toContain('--skip-bad');

    const args = ['train', '--data-path', at('bad'), '--out', at('skipped'), ...SMALL, '--skip-bad'];
    const { code, stdout } = await dws([...args, '--epochs', '1', '--batch-num', '1']);
    expect(stdout).toMatch(/3 images cannot be read and are left out/);
    expect(stdout).toMatch(/^data {5}train: 12 images of 4 classes, 3 left out; val: 12 images of 4 classes$/m);
    expect(code).toBe(0);
  });
});

describe('options', () => {
  it('a batch size that is not a multiple of batch-k', async () => {
    expect(await refusal('--batch-size', '5')).toMatch(/--batch-size 5 with --batch-k 2.* multiple/);
  });

  it('more classes a batch than there are', async () => {
    expect(await refusal('--batch-size', '40')).toMatch(/takes 20 classes a batch, but .* has 4/);
  });

  it('an option that is not there yet', async () => {
    expect(await refusal('--gpus', '0,0')).toMatch(/--gpus 0,0: name each device once\./);
  });

  it('no data path', async () => {
    const { code, stderr } = await dws(['train']);
    expect(stderr).toMatch(/^dws: required option '--data-path <dir>' not specified/);
    expect(code).toBe(1);
  });
});

describe('checkpoints', () => {
  it('a missing one', async () => {
    expect(await refusal('--resume', at('none.safetensors'))).toMatch(/can't read .*none.safetensors: no such file/);
  });

  it('a foreign file', async () => {
    await writeFile(at('foreign.safetensors'), 'this is text, and not tensors');
    expect(await refusal('--resume', at('foreign.safetensors'))).toMatch(/foreign\.safetensors/);
  });

  it('a damaged one', async () => {
    await truncated(at('other.safetensors'), at('damaged.safetensors'), 0.9);
    expect(await refusal('--resume', at('damaged.safetensors'))).toMatch(/damaged\.safetensors/);
  });

  it('one of another network', async () => {
    const message = await refusal('--resume', at('other.safetensors'), '--model', 'resnet34');
    expect(message).toMatch(
      /other.safetensors does not fit this run: .*--model resnet18, this run has --model resnet34/,
    );
  });

  it('one for another command', async () => {
    const { code, stderr } = await dws(['export', '--checkpoint', at('foreign.safetensors'), '-o', at('model.onnx')]);
    expect(stderr).toMatch(/^dws: .*foreign\.safetensors/);
    expect(code).toBe(1);
  });
});

describe('places', () => {
  it('an output folder that cannot be written', async () => {
    await writeFile(at('file'), '');
    expect(await refusal('--out', at('file', 'run'))).toMatch(/can't write to the folder .*choose another/);
  });

  it('an output folder that holds a training already', async () => {
    await writeFiles(at('taken'), { 'checkpoint.safetensors': 'precious' });
    expect(await refusal('--out', at('taken'))).toMatch(
      /holds a training already \(checkpoint\.safetensors\)\. Go on from it with --resume/,
    );
  });
});

it('a CUDA device that is not there says how to install the provider', async () => {
  expect(await refusal('--gpus', '99')).toMatch(/--device cuda: .*(install|linux x64 only)/s);
});

it('a Node.js that is too old says which one is needed', async () => {
  const old = "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.9.0' } });";
  await writeFile(at('old.cjs'), old);
  expect(await dws(['--version'], { env: { NODE_OPTIONS: `--require ${at('old.cjs')}` } })).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/^dws: Node\.js >=20\.19 is needed, and this is 20\.9\.0\. .*\n$/),
  });
});
