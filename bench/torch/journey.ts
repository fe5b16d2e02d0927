/** A network trained in PyTorch, under wrappers and beside objects of all kinds, brought here, trained further and shipped. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import * as ort from 'onnxruntime-node';
import sharp from 'sharp';
import { buildEvalModel } from '../../src/graph/artifacts/artifacts.js';
import type { NetworkOptions } from '../../src/graph/options.js';
import { describeNetwork } from '../../src/graph/step/describe.js';
import { openSession } from '../../src/runner/compute/session.js';
import { float32View } from '../../src/runner/formats/safetensors.js';
import { embedImages, exportModel, train } from '../../src/runner/index.js';
import type { DeviceOptions } from '../../src/runner/options/run-options.js';
import { loadPretrained } from '../../src/runner/pretrained/load.js';
import { smallestRowCosine } from './embeddings.js';

const execute = promisify(execFile);
const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** 1.000000, rounded to 6 digits. */
const leastCosine = 1 - 5e-7;

/** What wrapped.py writes; `at` where a file holds two networks, `refused` where it holds none. */
const files: readonly { file: string; expected?: string; at?: string; refused?: RegExp }[] = [
  { file: 'lightning.ckpt' },
  { file: 'legacy.ckpt' },
  { file: 'middle.pt' },
  { file: 'whole.pth' },
  { file: 'whole-legacy.pth' },
  { file: 'hugging-face.safetensors' },
  { file: 'kept.onnx' },
  { file: 'dino.pth', at: 'teacher', expected: 'teacher.bin' },
  { file: 'dino.pth', at: 'student' },
  { file: 'dino.pth', refused: /at 2 places: .*--weights-at/ },
  { file: 'folded.onnx', refused: /normalization was folded/ },
];

const classes = [0, 1, 2, 3];
const each = [0, 1, 2, 3];

const readFloats = async (file: string): Promise<Float32Array> => float32View(await readFile(file));

/** @returns what to print; a failure is thrown */
async function bring(
  network: NetworkOptions,
  folder: string,
  images: ort.Tensor,
  session: ort.InferenceSession,
  { file, expected = 'trained.bin', at, refused }: (typeof files)[number],
): Promise<string> {
  const layout = describeNetwork(network);
  const [params, buffers] = [new Float32Array(layout.paramCount), new Float32Array(layout.bufferCount)];
  const loading = loadPretrained(path.join(folder, file), layout, { params, buffers }, { at });
  if (refused !== undefined) {
    const message = await loading.then(
      () => 'loaded',
      (error: Error) => error.message,
    );
    if (!refused.test(message)) throw new Error(`${file}: not refused as it should be: ${message}`);
    return `refused: ${message.slice(message.indexOf(file), message.indexOf(file) + 100)}...`;
  }
  const { fresh, at: place } = await loading;
  if (fresh.length > 0) throw new Error(`${file}: not loaded: ${fresh.join(', ')}`);
  const { embeddings } = await session.run({
    images,
    params: new ort.Tensor('float32', params, [params.length]),
    buffers: new ort.Tensor('float32', buffers, [buffers.length]),
  });
  const cosine = smallestRowCosine(
    embeddings!.data as Float32Array,
    await readFloats(path.join(folder, expected)),
    network.embedDim,
  );
  if (!(cosine >= leastCosine)) throw new Error(`${file}: the embeddings differ from PyTorch's: cosine ${cosine}`);
  return `${cosine.toFixed(6)}  ${place}`;
}

/** Trains further, exports, and runs the export by the script of ten lines. @returns the smallest cosine to `dws embed` */
async function ship(network: NetworkOptions, folder: string, paths: readonly string[]): Promise<number> {
  const { model, imageSize, embedDim } = network;
  const { files: written } = await train({
    ...{ dataPath: path.join(folder, 'data'), out: path.join(folder, 'run'), model, imageSize },
    ...{ batchSize: 8, batchK: 4, batchNum: 2, epochs: 1, lr: 0.001, workers: 0 },
    pretrained: { kind: 'file', path: path.join(folder, 'dino.pth'), at: 'teacher' },
  });
  const checkpoint = written.checkpoint!;
  const { embeddings } = await embedImages(checkpoint, [...paths]);
  const exported = path.join(folder, 'model.onnx');
  await exportModel(checkpoint, exported);
  const { stdout } = await execute(process.execPath, [here('ten-lines.mjs'), exported, ...paths], {
    maxBuffer: 2 ** 26,
  });
  const { data } = JSON.parse(stdout) as { data: number[] };
  const cosine = smallestRowCosine(Float32Array.from(data), embeddings, embedDim);
  const before = smallestRowCosine(embeddings, await readFloats(path.join(folder, 'teacher.bin')), embedDim);
  console.log(`${'trained further'.padEnd(width)}  ${before.toFixed(6)}  to the embeddings before`);
  if (!(before < leastCosine)) throw new Error('the training changed nothing');
  return cosine;
}

const width = 34;

/** @throws Error for the first thing that is not as it should be */
export async function journey(network: NetworkOptions, python: string, device: DeviceOptions): Promise<void> {
  const { model, imageSize } = network;
  const folder = await mkdtemp(path.join(tmpdir(), 'dws-journey-'));
  try {
    await execute(python, [here('wrapped.py'), folder, '--model', model, '--size', String(imageSize)], {
      maxBuffer: 2 ** 26,
    });
    const val = path.join(folder, 'data', 'val');
    const paths = classes.flatMap((label) => each.map((i) => path.join(val, `class${label}`, `${i}.png`)));
    const pixels = await Promise.all(paths.map((file) => sharp(file).raw().toBuffer()));
    const images = new ort.Tensor('uint8', Buffer.concat(pixels), [paths.length, imageSize, imageSize, 3]);
    const session = await openSession(buildEvalModel(network), device);
    for (const one of files) {
      const name = `${one.file}${one.at === undefined ? '' : ` --weights-at ${one.at}`}`;
      console.log(`${name.padEnd(width)}  ${await bring(network, folder, images, session, one)}`);
    }
    await session.release();
    const cosine = await ship(network, folder, paths);
    console.log(`${'exported, run by ten lines'.padEnd(width)}  ${cosine.toFixed(6)}  to dws embed`);
    if (!(cosine >= leastCosine)) throw new Error(`the exported model differs: cosine ${cosine}`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
