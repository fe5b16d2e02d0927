/** Training from pretrained weights, through the built program. */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { describeNetwork } from '../../src/graph/step/describe.js';
import { initialTensors } from '../../src/graph/state/init.js';
import type { TensorSpec } from '../../src/graph/state/state.js';
import { elementCount } from '../../src/graph/onnx/types.js';
import { loadCheckpoint } from '../../src/runner/checkpoints/checkpoint.js';
import type { SafetensorsTensor } from '../../src/runner/formats/safetensors.js';
import { decodeSafetensors, encodeSafetensors, float32Bytes } from '../../src/runner/formats/safetensors.js';
import { writeImageFolder } from '../helpers/images.js';
import { temporaryFolder } from '../runner/data/images.js';
import { dws } from './dws.js';

const folder = temporaryFolder();
const at = (...names: string[]) => path.join(folder.path, ...names);

const NETWORK = '--model resnet18 --image-size 32 --embed-dim 8 --feat-dim 16 --batch-size 4 --batch-k 2 --seed 3';
const train = (args: string) =>
  dws(`train --data-path data --workers 0 --threads 1 --batch-num 1 ${NETWORK} ${args}`.split(' '), {
    cwd: folder.path,
  });

const layout = describeNetwork({ model: 'resnet18', imageSize: 32, embedDim: 8, featDim: 16 });
const theirs = {
  params: initialTensors(layout.params, 99),
  buffers: initialTensors(layout.buffers, 0).map((_, i) => 1 + (i % 7) / 8),
};

function tensorsOf(specs: readonly TensorSpec[], values: Float32Array): SafetensorsTensor[] {
  let end = 0;
  return specs.map(({ name, shape }) => {
    const begin = end;
    end += elementCount(shape);
    const data = float32Bytes(values.subarray(begin, end));
    return { name: name.replace('base_net.', 'module.'), dtype: 'F32' as const, shape, data };
  });
}

/** As torchvision has it: no head, 1000 classes. */
async function writeWeights(name: string, change: (tensor: SafetensorsTensor) => SafetensorsTensor): Promise<void> {
  const backbone = tensorsOf(layout.params, theirs.params).filter((tensor) => tensor.name.startsWith('module.'));
  const tensors = [...backbone, ...tensorsOf(layout.buffers, theirs.buffers)].map((tensor) => {
    const shape = [1000, ...tensor.shape.slice(1)];
    const data = new Uint8Array(4 * elementCount(shape));
    return change(tensor.name.startsWith('module.fc.') ? { ...tensor, shape, data } : tensor);
  });
  await writeFile(at(name), Buffer.concat(encodeSafetensors(tensors)));
}

beforeAll(async () => {
  await writeImageFolder(at('data'));
  await writeWeights('weights.safetensors', (tensor) => tensor);
});
afterEach(() => void vi.unstubAllEnvs());

const same = (a: Float32Array, b: Float32Array) => Buffer.from(float32Bytes(a)).equals(float32Bytes(b));

/** The error of a training; it has no stack. */
async function refusal(args: string): Promise<string> {
  const { code, stderr } = await train(args);
  expect(stderr).toMatch(/^dws: /);
  expect(stderr).not.toMatch(/\n {4}at /);
  expect(code).toBe(1);
  return stderr;
}

describe('--pretrained', () => {
  it('begins with the weights of the file, and tells what it took', async () => {
    // Nothing moves: what is saved is what was loaded.
    const still = '--lr 0 --lr-beta 0 --freeze-bn --epochs 1';
    const { code, stdout } = await train(`--pretrained weights.safetensors --out still ${still}`);
    expect(stdout).toContain('note: 100 tensors are those of weights.safetensors (safetensors), at module');
    expect(stdout).toMatch(/note: 4 tensors start from random values:\n {2}base_net.fc.weight\n {2}base_net.fc.bias/);
    expect(stdout).toMatch(/note: 2 tensors of weights.safetensors are not used:\n {2}module.fc.weight/);
    expect(code).toBe(0);

    const { state, metadata } = await loadCheckpoint(at('still', 'checkpoint.safetensors'));
    const { bodyCount } = layout;
    expect(same(state['params']!.subarray(0, bodyCount), theirs.params.subarray(0, bodyCount))).toBe(true);
    expect(same(state['params']!.subarray(bodyCount), initialTensors(layout.params, 3).subarray(bodyCount))).toBe(true);
    expect(same(state['buffers']!, theirs.buffers)).toBe(true);
    const hash = createHash('sha256').update(await readFile(at('weights.safetensors')));
    expect(metadata.runOptions['initialWeights']).toBe(hash.digest('hex').slice(0, 16));
  });

  it('is not needed to resume, which comes back to the bit', async () => {
    await rename(at('weights.safetensors'), at('moved.safetensors'));
    await train('--pretrained moved.safetensors --epochs 2 --out whole');
    await train('--pretrained moved.safetensors --epochs 1 --out halves');
    await rename(at('moved.safetensors'), at('weights.safetensors'));
    const resumed = await train('--resume halves/checkpoint.safetensors --epochs 2');
    expect(resumed.stdout).not.toMatch(/note: (unlike|from|took)/);
    expect(resumed.code).toBe(0);
    const [whole, halves] = ['whole', 'halves'].map((out) => readFile(at(out, 'checkpoint.safetensors')));
    expect((await whole!).equals(await halves!)).toBe(true);
  });

  it('may be given when resuming if it is the same file', async () => {
    const resume = '--resume halves/checkpoint.safetensors';
    const { code } = await train(`${resume} --epochs 3 --pretrained weights.safetensors`);
    expect(code).toBe(0);
    await writeFile(at('other.safetensors'), 'others');
    expect(await refusal(`${resume} --epochs 4 --pretrained other.safetensors`)).toMatch(
      /--pretrained other.safetensors: the training of halves.checkpoint.safetensors began with another file of weights/,
    );
    expect(await refusal(`${resume} --epochs 4 --use-pretrained`)).toMatch(/--use-pretrained: .* another file/);
  });

  it('takes a checkpoint of another training, on other classes too, as --resume says that does not', async () => {
    const still = '--lr 0 --lr-beta 0 --freeze-bn --epochs 1';
    const checkpoint = path.join('still', 'checkpoint.safetensors');
    const message = await refusal(`--resume ${checkpoint} --epochs 2 --classes 9`);
    expect(message).toMatch(/made with --classes \d, this run has --classes 9\. A new training on other classes/);
    expect(message).toContain(`--pretrained ${checkpoint} in place of --resume`);
    const { code, stdout } = await train(`--pretrained ${checkpoint} --classes 9 --out again ${still}`);
    expect(stdout).toContain('note: 104 tensors are those of checkpoint.safetensors (safetensors), at base_net');
    expect(code).toBe(0);
    const [was, now] = await Promise.all(
      ['still', 'again'].map((run) => loadCheckpoint(at(run, 'checkpoint.safetensors'))),
    );
    for (const vector of ['params', 'buffers']) expect(same(now!.state[vector]!, was!.state[vector]!)).toBe(true);
    expect(now!.state['beta']).toHaveLength(9);
  });

  it('of a file with two networks wants to be told which, and holds a resumed run to it', async () => {
    const read = decodeSafetensors(new Uint8Array(await readFile(at('weights.safetensors'))), 'weights');
    const under = (place: string) =>
      read.tensors.map((tensor) => ({ ...tensor, name: tensor.name.replace('module', place) }));
    await writeFile(
      at('two.safetensors'),
      Buffer.concat(encodeSafetensors([...under('student'), ...under('teacher')])),
    );
    expect(await refusal('--pretrained two.safetensors --out refused')).toContain(
      'holds weights of this network at 2 places: student, teacher. Say which with --weights-at',
    );
    const run = '--epochs 1 --pretrained two.safetensors --weights-at teacher';
    const { stdout } = await train(`${run} --out chosen`);
    expect(stdout).toContain('are those of two.safetensors (safetensors), at teacher');
    const resume = '--resume chosen/checkpoint.safetensors --epochs 2 --pretrained two.safetensors';
    expect(await refusal(`${resume} --weights-at student`)).toContain('began with another file of weights');
    expect((await train(`${resume} --weights-at teacher`)).code).toBe(0);
  });

  it('is refused when a run from random weights is resumed', async () => {
    await train('--epochs 1 --out random');
    const args = '--resume random/checkpoint.safetensors --epochs 2 --pretrained weights.safetensors';
    expect(await refusal(args)).toMatch(/began with random weights, .* Leave --pretrained weights.safetensors out/);
  });

  it('is refused for a file of another network, with both shapes', async () => {
    await writeWeights('wide.safetensors', (tensor) =>
      tensor.name === 'module.conv1.weight' ? { ...tensor, shape: [64, 3, 49, 1] } : tensor,
    );
    expect(await refusal('--pretrained wide.safetensors --out refused')).toMatch(
      /wide.safetensors .* in one tensor:\n {2}base_net.conv1.weight: \[64,3,49,1\] in the file, \[64,3,7,7\] in/,
    );
  });

  it('is refused for a file that is not there', async () => {
    expect(await refusal('--pretrained none.pth --out refused')).toMatch(/can't read none.pth: no such file/);
  });
});

describe('--use-pretrained', () => {
  it('takes what is in the cache, if it is the published file', async () => {
    vi.stubEnv('DWS_CACHE', at('cache'));
    const file = at('cache', 'weights', 'resnet18-f37072fd.pth');
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, 'other weights');
    const message = await refusal('--use-pretrained --out refused');
    expect(message).toContain(`${file} is not https://download.pytorch.org/models/resnet18-f37072fd.pth`);
    await expect(readFile(file)).rejects.toThrow('ENOENT');
  });

  it('is refused with --weights that the model has not', async () => {
    expect(await refusal('--use-pretrained --weights v2')).toMatch(
      /--weights v2: there are no such published weights of resnet18, only of resnet50, resnet101, resnet152/,
    );
  });

  it('is refused beside --pretrained', async () => {
    expect(await refusal('--use-pretrained --pretrained weights.safetensors')).toMatch(
      /--use-pretrained and --pretrained weights.safetensors: .* Leave one out/,
    );
  });

  it('is not what --weights-at chooses in', async () => {
    expect(await refusal('--weights-at teacher')).toMatch(/--weights-at teacher .*give --pretrained FILE too/);
  });

  it('is asked for when there is only --weights', async () => {
    expect(await refusal('--weights v1')).toMatch(/--weights v1 .*give --use-pretrained too/);
  });
});
