import { readFile } from 'node:fs/promises';
import path from 'node:path';
import * as ort from 'onnxruntime-node';
import { beforeAll, expect, it } from 'vitest';
import { exportModel } from '../../../src/runner/shipping/export.js';
import { writeImageFolder } from '../../helpers/images.js';
import { temporaryFolder } from '../data/images.js';
import { trainSmall } from '../training/train-options.js';

const folder = temporaryFolder();
const at = (...names: string[]) => path.join(folder.path, ...names);
const checkpoint = () => at('run', 'checkpoint.safetensors');

beforeAll(async () => {
  await writeImageFolder(at('data'));
  await trainSmall({ dataPath: at('data'), out: at('run') });
});

it('an unfolded model takes normalized images, and gives the embeddings of the usual one and features', async () => {
  await exportModel(checkpoint(), at('folded.onnx'));
  await exportModel(checkpoint(), at('unfolded.onnx'), { unfolded: true });
  const [folded, unfolded] = await Promise.all(
    ['folded.onnx', 'unfolded.onnx'].map(async (name) => ort.InferenceSession.create(await readFile(at(name)))),
  );
  const pixels = Uint8Array.from({ length: 32 * 32 * 3 }, (_, i) => (i * 7) % 256);
  const [mean, std] = [
    [0.485, 0.456, 0.406],
    [0.229, 0.224, 0.225],
  ];
  const planes = Float32Array.from(pixels, (_, i) => {
    const [color, place] = [Math.floor(i / 1024), i % 1024];
    return (pixels[place * 3 + color]! / 255 - mean[color]!) / std[color]!;
  });
  const usual = await folded!.run({ images: new ort.Tensor('uint8', pixels, [1, 32, 32, 3]) });
  const made = await unfolded!.run({ images: new ort.Tensor('float32', planes, [1, 3, 32, 32]) });
  const expected = usual['embeddings']!.data as Float32Array;
  (made['embeddings']!.data as Float32Array).forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 5));
  expect(made['features']!.dims).toEqual([1, 16]);
});

it('refuses it for weights, and beside what contradicts it', async () => {
  await expect(exportModel(checkpoint(), at('a.safetensors'), { unfolded: true })).rejects.toThrow(
    '--unfolded has no meaning for',
  );
  await expect(exportModel(checkpoint(), at('a.onnx'), { unfolded: true, withResize: true })).rejects.toThrow(
    'Give one of the two.',
  );
});
