import { rm } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { wholeSquares } from '../../../src/graph/preprocessing.js';
import type { BadImageError } from '../../../src/runner/data/image-file.js';
import { decodeImage } from '../../../src/runner/data/decode.js';
import { flipHorizontally } from '../../../src/runner/data/mirror.js';
import type { ImageLoaderOptions } from '../../../src/runner/data/loader.js';
import { ImageLoader } from '../../../src/runner/data/loader.js';
import { UserError } from '../../../src/runner/base/errors.js';
import { pattern, temporaryFolder, writeFiles } from './images.js';

const folder = temporaryFolder();
const size = 12;
const at = (name: string) => path.join(folder.path, name);
const images = (count = 8) => Array.from({ length: count }, (_, i) => at(`${i}.jpg`));

const loaders: ImageLoader[] = [];
function open(options: Partial<ImageLoaderOptions> = {}): ImageLoader {
  const loader = new ImageLoader({ imageSize: size, resize: 'stretch', workers: 0, cache: 'none', ...options });
  loaders.push(loader);
  return loader;
}
afterEach(async () => {
  for (const loader of loaders.splice(0)) await loader.close();
});

beforeAll(async () => {
  for (let i = 0; i < 8; i++) await writeFiles(folder.path, { [`${i}.jpg`]: pattern(40 + 10 * i, 30, 3, i) });
  await writeFiles(folder.path, { 'text.jpg': 'no image', 'zero.png': '' });
});

/** What the loader has to give, one image at a time. */
async function expected(paths: string[], flips?: number[]): Promise<Buffer> {
  const all = [];
  for (const [i, file] of paths.entries()) {
    const pixels = await decodeImage(file, wholeSquares(size, 'stretch'));
    if (flips?.[i]) flipHorizontally(pixels, size);
    all.push(pixels);
  }
  return Buffer.concat(all);
}

const kinds = [0, 2].flatMap((workers) => (['none', 'ram'] as const).map((cache) => ({ workers, cache })));

describe.each(kinds)('ImageLoader with $workers workers and cache $cache', (kind) => {
  it('decodes in order, repeats included, mirrored where asked', async () => {
    const loader = open(kind);
    const paths = [...images(), at('3.jpg'), at('3.jpg')];
    const flips = [0, 1, 0, 1, 1, 0, 0, 1, 1, 0];
    const plain = await expected(paths);
    const mirrored = await expected(paths, flips);
    expect(plain.equals(mirrored)).toBe(false);
    for (let again = 0; again < 2; again++) {
      expect(plain.equals(await loader.decode(paths))).toBe(true);
      expect(mirrored.equals(await loader.decode(paths, flips))).toBe(true);
    }
  });

  it('answers several calls at once, and longer after shorter ones', async () => {
    const loader = open(kind);
    const lists = [1, 8, 3, 5, 8, 0].map((count) => images(count));
    const results = await Promise.all(lists.map((paths) => loader.decode(paths)));
    for (const [i, paths] of lists.entries()) expect((await expected(paths)).equals(results[i]!)).toBe(true);
  });

  it('rejects with the first file that is bad, and goes on working', async () => {
    const loader = open(kind);
    const error = await loader.decode([...images(), at('text.jpg'), at('zero.png')]).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UserError);
    expect((error as BadImageError).path).toBe(at('text.jpg'));
    expect((error as BadImageError).message).toMatch(/text\.jpg: .*unsupported/);
    expect((await expected(images())).equals(await loader.decode(images()))).toBe(true);
  });

  it('lists bad files in order', async () => {
    const loader = open(kind);
    const bad = await loader.check([at('zero.png'), ...images(), at('text.jpg'), at('none.jpg')]);
    expect(bad.map((image) => path.basename(image.path))).toEqual(['zero.png', 'text.jpg', 'none.jpg']);
    expect(bad[0]!.reason).toMatch(/empty/);
  });

  it('rejects what is not done when it is closed, and everything after', async () => {
    const loader = open(kind);
    const outcomes = Promise.allSettled([loader.decode(images()), loader.decode(images()), loader.check(images())]);
    await loader.close();
    for (const outcome of await outcomes) expect(outcome.status).toBe('rejected');
    await expect(loader.decode(images(1))).rejects.toThrow(/closed/);
  });
});

describe('cache ram', () => {
  it('never reads a file twice, whether checked or decoded first', async () => {
    await writeFiles(folder.path, { 'checked.png': pattern(20, 20), 'decoded.png': pattern(20, 20, 3, 1) });
    const files = [at('checked.png'), at('decoded.png')];
    const before = await expected(files);
    const loader = open({ cache: 'ram' });
    expect(await loader.check([files[0]!])).toEqual([]);
    await loader.decode([files[1]!], [1]);
    for (const file of files) await rm(file);
    expect(before.equals(await loader.decode(files))).toBe(true);
  });

  it('refuses more images than fit into memory, and only then', () => {
    const loader = open({ cache: 'ram', imageSize: 224 });
    expect(() => loader.reserve(10)).not.toThrow();
    expect(() => loader.reserve(1e9)).toThrow(UserError);
    expect(() => loader.reserve(1e9)).toThrow(/150528\.0 GB for 1000000000 images of 224 px.*Drop --cache ram/);
    expect(() => open({ imageSize: 224 }).reserve(1e9)).not.toThrow();
  });
});
