import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { checkImages, usableImages } from '../../../src/runner/data/check.js';
import type { ImageSet } from '../../../src/runner/data/folder.js';
import { openImageFolder } from '../../../src/runner/data/folder.js';
import { ImageLoader } from '../../../src/runner/data/loader.js';
import { UserError } from '../../../src/runner/base/errors.js';
import { pattern, temporaryFolder, truncated, writeFiles } from './images.js';

const folder = temporaryFolder();
let set: ImageSet;

beforeAll(async () => {
  for (const name of ['a/1.jpg', 'a/2.png', 'b/1.webp', 'b/2.jpg', 'c/1.jpg']) {
    await writeFiles(folder.path, { [`train/${name}`]: pattern(60, 40) });
  }
  await writeFiles(folder.path, { 'train/a/text.jpg': 'no image', 'train/b/zero.jpg': '' });
  const whole = path.join(folder.path, 'train/c/1.jpg');
  await truncated(whole, path.join(folder.path, 'train/c/cut.jpg'), 0.7);
  await rm(whole);
  set = await openImageFolder(folder.path, 'train');
});

async function withLoader<T>(
  options: Partial<{ workers: number; cache: 'none' | 'ram' }>,
  use: (loader: ImageLoader) => Promise<T>,
): Promise<T> {
  const loader = new ImageLoader({ imageSize: 16, resize: 'stretch', workers: 0, cache: 'none', ...options });
  try {
    return await use(loader);
  } finally {
    await loader.close();
  }
}

const names = (images: { path: string }[]) => images.map((image) => path.relative(set.root, image.path));

describe('checkImages', () => {
  it.each([
    { workers: 0, cache: 'none' as const },
    { workers: 2, cache: 'none' as const },
    { workers: 2, cache: 'ram' as const },
  ])('finds every bad file with %o', async (options) => {
    const progress: number[][] = [];
    const bad = await withLoader(options, (loader) =>
      checkImages(set, loader, (checked, total) => progress.push([checked, total])),
    );
    expect(names(bad)).toEqual(['a/text.jpg', 'b/zero.jpg', 'c/cut.jpg'].map(path.normalize));
    expect(progress.at(-1)).toEqual([set.images.length, set.images.length]);
  });

  it('fills the cache in the same pass', async () => {
    const [image] = set.images;
    const bytes = await readFile(image!.path);
    await withLoader({ cache: 'ram' }, async (loader) => {
      await checkImages(set, loader);
      await rm(image!.path);
      try {
        expect(await loader.decode([image!.path])).toHaveLength(loader.imageBytes);
      } finally {
        await writeFile(image!.path, bytes);
      }
    });
  });
});

describe('usableImages', () => {
  it('lists bad files in an error, ten at most', async () => {
    const error = await withLoader({}, (loader) =>
      usableImages(set, loader, { skipBad: false }).catch((thrown: unknown) => thrown),
    );
    expect(error).toBeInstanceOf(UserError);
    expect((error as Error).message).toMatch(/3 of 7 images in .*train cannot be read:\n {2}.*text\.jpg: /);
    expect((error as Error).message).toMatch(/--skip-bad/);

    const many = { ...set, images: Array.from({ length: 12 }, (_, i) => ({ path: `/none/${i}.jpg`, label: 0 })) };
    const other = withLoader({}, (loader) => usableImages(many, loader, { skipBad: false }));
    await expect(other).rejects.toThrow(/12 of 12[^]*9\.jpg[^]*and 2 more/);
  });

  it('leaves them out when asked to, and keeps the labels', async () => {
    const { set: usable, skipped } = await withLoader({}, (loader) => usableImages(set, loader, { skipBad: true }));
    expect(skipped).toHaveLength(3);
    expect(names(usable.images)).toEqual(['a/1.jpg', 'a/2.png', 'b/1.webp', 'b/2.jpg'].map(path.normalize));
    expect(usable.images.map(({ label }) => label)).toEqual([0, 0, 1, 1]);
    expect(usable.classes).toEqual(['a', 'b', 'c']);
  });

  it('refuses a set that has too little left', async () => {
    const only = (label: number) => ({ ...set, images: set.images.filter((image) => image.label === label) });
    const check = (some: ImageSet) => withLoader({}, (loader) => usableImages(some, loader, { skipBad: true }));
    await expect(check(only(2))).rejects.toThrow(/no image that can be read/);
    await expect(check(only(0))).rejects.toThrow(/one class only/);
  });

  it('gives a set without bad files back as it is', async () => {
    const good = { ...set, images: set.images.filter(({ path: file }) => !/text|zero|cut/.test(file)) };
    const result = await withLoader({}, (loader) => usableImages(good, loader, { skipBad: false }));
    expect(result).toEqual({ set: good, skipped: [] });
  });
});
