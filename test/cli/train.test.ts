/** The main job through the built program: train, evaluate, embed, export, resume. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import ort from 'onnxruntime-node';
import { writeImageFolder } from '../helpers/images.js';
import { temporaryFolder } from '../runner/data/images.js';
import type { Finished } from './dws.js';
import { dws } from './dws.js';

const folder = temporaryFolder();
const inFolder = (args: string, interruptAt?: RegExp) => dws(args.split(' '), { cwd: folder.path, interruptAt });
const read = (name: string) => readFile(path.join(folder.path, name));

const NETWORK = '--model resnet18 --image-size 32 --embed-dim 8 --feat-dim 16 --batch-size 4 --batch-k 2 --seed 3';
const train = (args: string, interruptAt?: RegExp) =>
  inFolder(`train --data-path data --workers 0 --threads 1 ${args}`, interruptAt);

let first: Finished;

beforeAll(async () => {
  await writeImageFolder(path.join(folder.path, 'data'));
  first = await train(`${NETWORK} --epochs 1 --batch-num 2 --print-freq 1 --save-prefix my-`);
});

it('train tells its progress and where the files are', () => {
  expect(first).toMatchObject({ code: 0, stderr: '' });
  expect(first.stdout).toMatch(/before training +0\.\d{4}/);
  expect(first.stdout).toMatch(/epoch 1\/1 {2}step 2\/2 {2}loss \d/);
  expect(first.stdout).toMatch(/after epoch 1 +0\.\d{4}/);
  expect(first.stdout).toMatch(/done after 1 epoch, 2 steps/);
  expect(first.stdout).toContain(path.join('runs', 'resnet18-3', 'my-checkpoint.safetensors'));
});

it('train does not touch a folder that holds a training', async () => {
  const { code, stderr } = await train(`${NETWORK} --save-prefix my-`);
  expect(stderr).toMatch(/runs.resnet18-3 holds a training already/);
  expect(code).toBe(1);
});

it('eval gives what the training gave', async () => {
  const { stdout } = await inFolder(
    'eval --checkpoint runs/resnet18-3/my-best.safetensors --data-path data --threads 1',
  );
  const values = (text: string, name: string) => new RegExp(`${name} +([\\d. ]+)`).exec(text)![1]!.trim();
  expect(values(stdout, 'val')).toBe(values(first.stdout, 'after epoch 1'));
});

it('embed writes an array and its paths, or JSON lines, of the same numbers', async () => {
  const embed = 'embed --checkpoint runs/resnet18-3/my-best.safetensors data/val --threads 1';
  await inFolder(`${embed} --out made/x.npy`);
  await inFolder(`${embed} --format jsonl --out x.jsonl`);
  const paths = (await read('made/x.txt')).toString().trim().split('\n');
  expect(paths).toHaveLength(12);
  expect(paths[0]).toBe(path.join('data', 'val', 'val-0', '0.png'));
  const lines = (await read('x.jsonl')).toString().trim().split('\n');
  const rows = lines.map((line) => JSON.parse(line) as { path: string; embedding: number[] });
  expect(rows.map((row) => row.path)).toEqual(paths);
  const npy = await read('made/x.npy');
  const values = new Float32Array(
    npy.buffer.slice(npy.byteOffset + npy.length - 4 * 12 * 8, npy.byteOffset + npy.length),
  );
  expect(Array.from(values)).toEqual(rows.flatMap(({ embedding }) => embedding));
});

it('export writes a model that runs on its own', async () => {
  await inFolder('export --checkpoint runs/resnet18-3/my-best.safetensors -o made/model.onnx');
  const session = await ort.InferenceSession.create(path.join(folder.path, 'made/model.onnx'));
  const images = new ort.Tensor('uint8', new Uint8Array(2 * 32 * 32 * 3), [2, 32, 32, 3]);
  const { embeddings } = await session.run({ images });
  expect(embeddings!.dims).toEqual([2, 8]);
});

it('build writes the artifacts', async () => {
  const { stdout } = await inFolder('build --model resnet18 --image-size 32 --classes 4 --batch-size 4 --batch-k 2');
  expect(stdout.trim().split('\n')).toEqual(
    ['training_model.onnx', 'optimizer_model.onnx', 'train_loop.onnx', 'eval_model.onnx', 'manifest.json'].map((name) =>
      path.join('artifacts', name),
    ),
  );
});

it('Ctrl-C saves a checkpoint and ends with 130, and the run goes on from there with its options', async () => {
  const stopped = await train(`${NETWORK} --epochs 1 --batch-num 6 --steps-per-run 1 --out stopped`, /step 1\/6/);
  expect(stopped.stdout).toContain('saved stopped/checkpoint.safetensors');
  expect(stopped.code).toBe(130);
  const resumed = await train('--resume stopped/checkpoint.safetensors --epochs 1 --save-prefix after-');
  expect(resumed.stdout).toMatch(/from stopped.checkpoint.safetensors: .*--model resnet18 .*--batch-num 6/);
  expect(resumed.stdout).toMatch(/done after 1 epoch, 6 steps/);
  expect(resumed.code).toBe(0);
});

it('doctor finds what this machine can train on', async () => {
  const { code, stdout } = await inFolder('doctor');
  expect(stdout).toMatch(/^ok {2}cpu/m);
  expect(stdout).toMatch(/^(ok|--) {2}cuda/m);
  expect(stdout).toMatch(/^(ok|--) {2}webgpu/m);
  expect(stdout).toContain('Ready to train.');
  expect(code).toBe(0);
});

it('help and version are no errors, an unknown command is', async () => {
  for (const flag of ['--version', '-v', '-V'])
    expect(await inFolder(flag)).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    });
  expect((await inFolder('train --help')).code).toBe(0);
  expect(await inFolder('trian')).toMatchObject({ code: 1, stderr: expect.stringContaining('Did you mean train?') });
});
