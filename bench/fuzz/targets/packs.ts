/** Packs: also, no path that they name lies outside, and no image is of a class that there is not. */
import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';
import { ImageLoader } from '../../../src/runner/data/loader.js';
import { openPack } from '../../../src/runner/data/pack-file.js';
import { packedSet } from '../../../src/runner/data/packed-set.js';
import { encodePreamble, packedBytes, preambleBytes } from '../../../src/runner/data/pack-layout.js';
import { packData } from '../../../src/runner/jobs/pack-data.js';
import type { Seed, Target } from '../target.js';
import { bytesSeed } from '../target.js';

const side = 2;
const names = ['train/a/1.png', 'train/a/2.png', 'train/b/1.png', 'val/c/1.png', 'val/c/2.png', 'val/c/bad.png'];

async function makeSeeds(folder: string): Promise<Seed[]> {
  for (const [i, name] of names.entries()) {
    const file = path.join(folder, 'data', name);
    await mkdir(path.dirname(file), { recursive: true });
    const raw = { width: 3, height: 3, channels: 3 } as const;
    if (name.endsWith('bad.png')) await writeFile(file, 'none');
    else await sharp(new Uint8Array(27).fill(i), { raw }).png().toFile(file);
  }
  const file = path.join(folder, 'seed.pack');
  const { images } = await packData(path.join(folder, 'data'), file, { imageSize: side, workers: 0, skipBad: true });
  const whole = await readFile(file);
  const index = whole.subarray(preambleBytes + images * packedBytes(side));
  const pixels = whole.subarray(preambleBytes, whole.length - index.length);
  return [
    bytesSeed(whole),
    {
      // An index that says anything, with checksums that are right.
      parts: [{ bytes: index }],
      build: ([changed]) => {
        const indexHash = createHash('sha256').update(changed!).digest();
        const preamble = encodePreamble({ images, imageSize: side, indexBytes: changed!.length, indexHash });
        return Buffer.concat([preamble, pixels, changed!]);
      },
    },
  ];
}

const tokens = [
  '"../',
  '"/',
  '\\\\',
  '\\u0000',
  '-1',
  '1e9',
  '0.5',
  'null',
  '[]',
  '{}',
  '"whole"',
  '"val"',
  '\n',
  '"shifted"',
];

export const packs: Target = {
  name: 'pack',
  tokens: tokens.map((text) => Buffer.from(text)),
  seeds: makeSeeds,
  read: async (bytes, folder) => {
    const file = path.join(folder, 'changed.pack');
    await writeFile(file, bytes);
    const pack = await openPack(file);
    const loader = new ImageLoader({ ...pack.squares, workers: 0, cache: 'none', pack });
    try {
      const bad = new Set((await loader.check([...pack.images.keys()])).map((image) => image.path));
      for (const name of ['train', 'val', 'whole'] as const) {
        const { root = file, images = [], classes = [] } = packedSet(pack, name) ?? {};
        for (const { path: image, label } of images) {
          if (!image.startsWith(`${root}/`)) throw new Error(`an image outside of its folder: ${image}`);
          if (typeof classes[label] !== 'string') throw new Error(`an image of no class: ${image}`);
        }
        await loader.decode(images.map((image) => image.path).filter((image) => !bad.has(image)));
      }
    } finally {
      await loader.close();
    }
  },
};
