/** Ordinary scripts around an exported model, beside `dws embed`. */
import { execFile, execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import * as ort from 'onnxruntime-node';
import type { Sharp } from 'sharp';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { decodeModel } from '../../src/graph/onnx/schema.js';
import type { Preprocessing } from '../../src/graph/preprocessing.js';
import { decodeImage } from '../../src/runner/data/decode.js';
import { embedImages } from '../../src/runner/evaluation/embed.js';
import { exportModel } from '../../src/runner/shipping/export.js';
import { temporaryFolder, writeFiles } from '../runner/data/images.js';
import { cosine, drawing, inference, onWhite, writeCheckpoint } from '../web/small-model.js';

const example = path.resolve('examples/onnx');
const folder = temporaryFolder();
const at = (name: string) => path.join(folder.path, name);

/** Finer than what is left of an image ten times as small, so that it shows how pixels are averaged. */
function stripes(width: number, height: number): Sharp {
  const pixels = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const [x, y] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
    return 128 + 60 * Math.sin(0.9 * x + (i % 3)) + 60 * Math.sin(1.3 * y + 0.01 * x);
  });
  return sharp(pixels, { raw: { width, height, channels: 3 } });
}

/** Below, above and far above the squares of 72 px, on one axis or both; transparent, and to be turned. */
const drawings = {
  'small.png': onWhite(drawing(20, 31, 1)),
  'wide.png': onWhite(drawing(300, 41, 3)),
  'large.png': onWhite(drawing(340, 280, 5)),
  'clear.png': drawing(90, 110, 6, 0.5),
  'stripes.png': stripes(767, 1023),
  'turned.png': onWhite(drawing(130, 70, 10)).withMetadata({ orientation: 6 }),
};
let images: string[];
let expected: Float32Array[];
const models = { square: 'square.onnx', 'any size': 'any-size.onnx' } as const;

const pythons = ['/usr/bin/python3', 'python3'];
const findPython = (modules: string) =>
  pythons.find((python) => {
    try {
      execFileSync(python, ['-c', `import ${modules}`], { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  });
const withPillow = findPython('PIL, numpy');
const withRuntime = findPython('PIL, numpy, onnxruntime');
const needs = (python: string | undefined, what: string) => (python ? '' : ` (skipped: no Python with ${what})`);

const run = async (program: string, args: string[]) =>
  (await promisify(execFile)(program, args, { maxBuffer: 2 ** 24 })).stdout.trim().split('\n');

beforeAll(async () => {
  images = Object.keys(drawings).map(at);
  await writeFiles(folder.path, drawings);
  const squares = { resizeTo: 72, resize: 'cover', mean: [0.5, 0.4, 0.3], std: [0.5, 0.25, 0.2] } as const;
  await writeCheckpoint(at('checkpoint.safetensors'), squares);
  await exportModel(at('checkpoint.safetensors'), at(models.square));
  await exportModel(at('checkpoint.safetensors'), at(models['any size']), { withResize: true });
  const { embeddings, dim } = await embedImages(at('checkpoint.safetensors'), images, inference);
  expected = images.map((_, i) => embeddings.slice(i * dim, (i + 1) * dim));
});

const metadataOf = async (model: string) => {
  const { metadataProps } = decodeModel(await readFile(at(model)));
  return Object.fromEntries(metadataProps!.map(({ key, value }) => [key, value]));
};

function expectAgreement(lines: readonly string[], least: number): void {
  const answers = lines.map((line) => JSON.parse(line) as { path: string; embedding: number[] });
  expect(answers.map((answer) => answer.path)).toEqual(images);
  for (const [i, { embedding }] of answers.entries())
    expect(cosine(embedding, expected[i]!), images[i]).toBeGreaterThan(least);
}

describe('the metadata of an exported model', () => {
  it.each(Object.entries(models))('says all that is done to images: %s', async (_, model) => {
    const { preprocessing } = await metadataOf(model);
    expect(JSON.parse(preprocessing!)).toEqual({
      ...{
        imageSize: 64,
        resizeTo: 72,
        resize: 'cover',
        filter: 'triangle',
        orientation: 'exif',
        background: '#ffffff',
      },
      ...{ mean: [0.5, 0.4, 0.3], std: [0.5, 0.25, 0.2] },
    });
  });

  it('says it in words, and what is left to do', async () => {
    const { images: text } = await metadataOf(models.square);
    expect(text).toMatch(/upright as EXIF says.* on white, is resized to 72 x 72 .* the middle 64 x 64 are taken/);
    expect(text).toMatch(/mean 0.5, 0.4, 0.3 and std 0.5, 0.25, 0.2 .*The model takes the resized RGB values/);
    expect((await metadataOf(models['any size']))['images']).toMatch(
      /of any size; it resizes and normalizes itself\.$/,
    );
  });
});

describe('embed.mjs', () => {
  it('gives the embeddings of dws embed with a model that resizes', async () => {
    expectAgreement(
      await run(process.execPath, [path.join(example, 'embed.mjs'), at(models['any size']), ...images]),
      0.9999,
    );
  });

  it('refuses a model that does not', async () => {
    const args = [path.join(example, 'embed.mjs'), at(models.square), images[0]!];
    await expect(run(process.execPath, args)).rejects.toThrow(
      'takes squares of 64 px only: export it again with --with-resize',
    );
  });
});

describe(`embed.py`, () => {
  it.skipIf(!withPillow)(
    `makes of images what dws embed makes of them${needs(withPillow, 'PIL and numpy')}`,
    async () => {
      const { preprocessing } = await metadataOf(models.square);
      const script = `import base64, json, sys; sys.path.insert(0, sys.argv[1]); import embed, numpy as np
preprocessing = json.loads(sys.argv[2])
for path in sys.argv[3:]:
    pixels = np.asarray(embed.square(embed.upright_on_white(path, preprocessing), preprocessing))
    print(base64.b64encode(pixels.tobytes()).decode())`;
      const lines = await run(withPillow!, ['-c', script, example, preprocessing!, ...images]);
      const session = await ort.InferenceSession.create(at(models.square));
      for (const [i, line] of lines.entries()) {
        const pixels = Buffer.from(line, 'base64');
        const ours = await decodeImage(images[i]!, JSON.parse(preprocessing!) as Preprocessing);
        expect(pixels).toHaveLength(ours.length);
        const name = path.basename(images[i]!);
        const difference = ours.reduce((sum, value, j) => sum + Math.abs(value - pixels[j]!), 0) / ours.length;
        // Images that grow are the same; where they shrink, both round their weights in their own ways.
        expect(difference, name).toBeLessThan(name === 'small.png' ? 1e-9 : 1);
        const { embeddings } = await session.run({ images: new ort.Tensor('uint8', pixels, [1, 64, 64, 3]) });
        expect(cosine(embeddings!.data as Float32Array, expected[i]!), name).toBeGreaterThan(0.9999);
      }
      await session.release();
    },
  );

  it.skipIf(!withRuntime).each(Object.entries(models))(
    `gives the embeddings of dws embed, %s${needs(withRuntime, 'onnxruntime, PIL and numpy')}`,
    async (_, model) => {
      expectAgreement(await run(withRuntime!, [path.join(example, 'embed.py'), at(model), ...images]), 0.9999);
    },
  );
});
