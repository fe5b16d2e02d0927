import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import type { GalleryInfo } from '../../../src/graph/artifacts/gallery.js';
import { embedImages } from '../../../src/runner/evaluation/embed.js';
import { makeGallery } from '../../../src/runner/shipping/gallery.js';
import { exportWeb } from '../../../src/runner/shipping/web-export.js';
import { applyHead } from '../../../src/web/learn-head.js';
import { inference, writeCheckpoint } from '../../web/small-model.js';
import { pattern, temporaryFolder, writeFiles } from '../data/images.js';

const folder = temporaryFolder();
const at = (...names: string[]) => path.join(folder.path, ...names);
let checkpoint: string;

beforeAll(async () => {
  checkpoint = at('small.safetensors');
  await writeCheckpoint(checkpoint);
  const red = { create: { width: 40, height: 20, channels: 3, background: '#c00000' } } as const;
  await writeFiles(at('images'), {
    'cups/1.png': pattern(30, 40, 3, 1),
    'cups/2.png': pattern(64, 64, 3, 2),
    'deep/er/spoons/red.png': sharp(red),
    'top.png': pattern(20, 20, 3, 4),
  });
});

const options = { ...inference, dtype: 'float32', thumbSize: 32, map: true } as const;
const readInfo = async (out: string) =>
  JSON.parse(await readFile(path.join(out, 'gallery.json'), 'utf8')) as GalleryInfo;
const floats = async (file: string) => new Float32Array(new Uint8Array(await readFile(file)).buffer);

describe('makeGallery', () => {
  it('writes names, classes and the embeddings of dws embed', async () => {
    const out = at('gallery');
    const { info, bytes } = await makeGallery(checkpoint, [at('images')], out, options);
    expect(await readInfo(out)).toEqual(JSON.parse(JSON.stringify(info)));
    expect(info.ids).toEqual(['cups/1.png', 'cups/2.png', 'deep/er/spoons/red.png', 'top.png']);
    expect(info.labels).toEqual(['cups', 'cups', 'deep', 'images']);
    const files = info.ids.map((id) => at('images', id));
    const { embeddings } = await embedImages(checkpoint, files, inference);
    expect(await floats(at('gallery', 'embeddings.bin'))).toEqual(embeddings);
    expect(await floats(at('gallery', 'map.bin'))).toHaveLength(2 * info.count);
    const sizes = await Promise.all(
      (await readdir(out, { recursive: true, withFileTypes: true }))
        .filter((entry) => entry.isFile())
        .map(async (entry) => (await readFile(path.join(entry.parentPath, entry.name))).length),
    );
    expect(bytes).toBe(sizes.reduce((sum, size) => sum + size, 0));
  });

  it('has the classes of a training: folders inside of a class belong to it', async () => {
    const plain = { ...options, map: false };
    await writeFiles(at('sets'), {
      'val/a/1.png': pattern(20, 20, 3, 1),
      'val/a/more/2.png': pattern(20, 20, 3, 2),
      'val/b/more/3.png': pattern(20, 20, 3, 3),
    });
    const of = async (...roots: string[]) => {
      const { info } = await makeGallery(checkpoint, roots, at('classes'), plain);
      return info.ids.map((id, i) => `${id}: ${info.labels[i]}`);
    };
    const classes = ['a/1.png: a', 'a/more/2.png: a', 'b/more/3.png: b'];
    expect(await of(at('sets/val'))).toEqual(classes);
    expect(await of(at('sets/val/a'), at('sets/val/b/more'))).toEqual([...classes.slice(0, 2), 'more/3.png: more']);
    expect(await of(at('sets/val'), at('images/top.png'))).toEqual([
      ...classes.map((line) => `val/${line}`),
      'top.png: images',
    ]);
  });

  it('carries the hash that the export writes, and that of no other model', async () => {
    const { info } = await exportWeb(checkpoint, at('model'), { variants: [], skipBad: false, workers: 0, threads: 1 });
    expect((await readInfo(at('gallery'))).modelHash).toBe(info.modelHash);
    await writeCheckpoint(at('other.safetensors'), { seed: 4 });
    const plain = { ...options, map: false };
    const other = await makeGallery(at('other.safetensors'), [at('images')], at('other'), plain);
    expect(other.info.modelHash).not.toBe(info.modelHash);
  });

  it('stores int8 embeddings within half a step', async () => {
    await makeGallery(checkpoint, [at('images')], at('int8'), { ...options, dtype: 'int8', map: false });
    const { scale, map } = await readInfo(at('int8'));
    expect(map).toBeUndefined();
    expect((await readdir(at('int8'))).sort()).toEqual(['embeddings.bin', 'gallery.json', 'thumbs']);
    const exact = await floats(at('gallery', 'embeddings.bin'));
    const stored = new Int8Array(new Uint8Array(await readFile(at('int8', 'embeddings.bin'))).buffer);
    expect(stored.length).toBe(exact.length);
    exact.forEach((value, i) => expect(Math.abs(stored[i]! * scale! - value)).toBeLessThanOrEqual(scale! / 2 + 1e-7));
  });

  it('writes what the last layer takes when asked to: the layer makes the embeddings of it', async () => {
    const { info: model } = await exportWeb(checkpoint, at('headed'), { skipBad: false, workers: 0, threads: 1 });
    const weights = await floats(at('headed', model.head.weights));
    const part = ({ offset, shape }: { offset: number; shape: number[] }) =>
      weights.subarray(offset / 4, offset / 4 + shape.reduce((a, b) => a * b));
    const head = { ...model, params: Float32Array.of(...part(model.head.weight), ...part(model.head.bias)) };
    const embeddings = await floats(at('gallery', 'embeddings.bin'));

    for (const [dtype, digits] of [
      ['float32', 5],
      ['int8', 1],
    ] as const) {
      const out = at(`features-${dtype}`);
      const { info } = await makeGallery(checkpoint, [at('images')], out, {
        ...options,
        dtype,
        map: false,
        features: true,
      });
      expect((await readdir(out)).sort()).toEqual(['embeddings.bin', 'features.bin', 'gallery.json', 'thumbs']);
      const { file, dim, scale } = (await readInfo(out)).features!;
      expect(info.features).toMatchObject({ file, dim: 32 });
      const bytes = new Uint8Array(await readFile(path.join(out, file))).buffer;
      const values =
        dtype === 'int8' ? Float32Array.from(new Int8Array(bytes), (q) => q * scale!) : new Float32Array(bytes);
      expect(values.length).toBe(info.count * dim);
      for (let i = 0; i < info.count; i++) {
        applyHead(head, values.subarray(i * dim, (i + 1) * dim)).forEach((value, j) =>
          expect(value).toBeCloseTo(embeddings[i * info.dim + j]!, digits),
        );
      }
    }
  });

  it('draws the small images side by side, whole and on white', async () => {
    const { thumbs } = await readInfo(at('gallery'));
    expect(thumbs).toEqual({ size: 32, columns: 64, rows: 64, sheets: ['thumbs/0.webp'] });
    const { data, info } = await sharp(at('gallery', 'thumbs/0.webp')).raw().toBuffer({ resolveWithObject: true });
    expect([info.width, info.height]).toEqual([2048, 32]);
    const pixel = (x: number, y: number) => [...data.subarray((y * info.width + x) * 3, (y * info.width + x) * 3 + 3)];
    const [middle, above] = [pixel(2 * 32 + 16, 16), pixel(2 * 32 + 16, 2)];
    expect(middle[0]).toBeGreaterThan(170);
    expect(middle[1]).toBeLessThan(30);
    expect(Math.min(...above)).toBeGreaterThan(240);
  });

  it('begins another sheet when one is full', async () => {
    const names = Array.from({ length: 20 }, (_, i) => `many/${i}.png`);
    await writeFiles(folder.path, Object.fromEntries(names.map((name, i) => [name, pattern(8, 8, 3, i)])));
    const { info } = await makeGallery(checkpoint, [at('many')], at('sheets'), {
      ...options,
      thumbSize: 512,
      map: false,
    });
    expect(info.thumbs).toEqual({ size: 512, columns: 4, rows: 4, sheets: ['thumbs/0.webp', 'thumbs/1.webp'] });
    expect(await sharp(at('sheets', 'thumbs/1.webp')).metadata()).toMatchObject({ width: 2048, height: 512 });
  });

  it("puts the folders' names before those of their images when several are given", async () => {
    const roots = [at('images', 'cups'), at('many'), at('images', 'top.png')];
    const { info } = await makeGallery(checkpoint, roots, at('several'), { ...options, map: false });
    expect(info.ids.slice(0, 3)).toEqual(['cups/1.png', 'cups/2.png', 'many/0.png']);
    expect(info.ids.at(-1)).toBe('top.png');
    expect(new Set(info.ids).size).toBe(info.count);
  });

  it('replaces an older gallery, and nothing else', async () => {
    const out = at('replaced');
    const plain = { ...options, map: false };
    await makeGallery(checkpoint, [at('images')], out, options);
    const { info } = await makeGallery(checkpoint, [at('many')], out, plain);
    expect((await readInfo(out)).count).toBe(info.count);
    expect((await readdir(out)).sort()).toEqual(['embeddings.bin', 'gallery.json', 'thumbs']);
    await writeFile(path.join(out, 'mine.txt'), 'precious');
    await expect(makeGallery(checkpoint, [at('many')], out, plain)).rejects.toThrow(
      /replaced holds other things \(mine.txt\), which would be lost/,
    );
    expect(await readFile(path.join(out, 'mine.txt'), 'utf8')).toBe('precious');
  });

  it('writes nothing when an image cannot be read, and leaves it out when asked to', async () => {
    await writeFiles(at('broken'), { 'a/good.png': pattern(9, 9), 'a/bad.png': 'no image' });
    const before = await readdir(folder.path);
    const plain = { ...options, map: false };
    await expect(makeGallery(checkpoint, [at('broken')], at('none', 'gallery'), plain)).rejects.toThrow(
      /1 of 2 images/,
    );
    expect(await readdir(folder.path)).toEqual(before);
    const { info, skipped } = await makeGallery(checkpoint, [at('broken')], at('some'), { ...plain, skipBad: true });
    expect(info.ids).toEqual(['a/good.png']);
    expect(skipped.map((bad) => path.basename(bad.path))).toEqual(['bad.png']);
  });

  it('refuses a file in place of its folder, a missing checkpoint and a folder without images', async () => {
    await writeFile(at('file'), '');
    await expect(makeGallery(checkpoint, [at('many')], at('file'), options)).rejects.toThrow(/can't write .*file/);
    const missing = makeGallery(at('no.safetensors'), [at('many')], at('new'), options);
    await expect(missing).rejects.toThrow(/no.safetensors/);
    await mkdir(at('bare'));
    await expect(makeGallery(checkpoint, [at('bare')], at('new'), options)).rejects.toThrow(/holds no image/);
  });

  it('stops when it is aborted, and leaves nothing behind', async () => {
    const reason = new Error('enough');
    const controller = new AbortController();
    const before = await readdir(folder.path);
    const hooks = {
      signal: controller.signal,
      onProgress: (stage: string) => {
        if (stage === 'thumbs') controller.abort(reason);
      },
    };
    await expect(makeGallery(checkpoint, [at('many')], at('stopped', 'gallery'), options, hooks)).rejects.toBe(reason);
    expect(await readdir(folder.path)).toEqual(before);
  });
});
