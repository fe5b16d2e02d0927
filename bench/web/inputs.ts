/** What the pages of the benchmark get to see, in one folder. */
import { cp, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';
import type { GalleryDtype, GalleryInfo } from '../../src/graph/artifacts/gallery.js';
import { Philox } from '../../src/graph/state/philox.js';
import type { WebVariantName } from '../../src/graph/artifacts/web-model.js';
import { embedImages } from '../../src/runner/evaluation/embed.js';
import { findImages } from '../../src/runner/evaluation/find-images.js';
import { exportWeb } from '../../src/runner/shipping/web-export.js';

const inference = { device: 'cpu', deviceId: 0, threads: 2, workers: 2, skipBad: false } as const;

export interface EmbeddedImages {
  /** Paths within the folder. */
  names: string[];
  /** [names, dim], by `dws embed`. */
  expected: Float32Array;
  dim: number;
}

export const variants: readonly WebVariantName[] = ['fp32', 'fp16', 'int8'];

export const writeModel = (root: string, checkpoint: string) =>
  exportWeb(checkpoint, path.join(root, 'model'), { variants, skipBad: false, workers: 2, threads: 2 });

async function embedded(root: string, checkpoint: string, names: string[]): Promise<EmbeddedImages> {
  const files = names.map((name) => path.join(root, name));
  const { embeddings, dim } = await embedImages(checkpoint, files, inference);
  return { names, expected: embeddings, dim };
}

/** The first images in the order of their classes' names. */
export async function copySubset(
  root: string,
  checkpoint: string,
  folder: string,
  count: number,
): Promise<EmbeddedImages> {
  const files = (await findImages([folder])).slice(0, count);
  const names = files.map((file) => `subset/${path.relative(folder, file).split(path.sep).join('/')}`);
  for (const [i, file] of files.entries()) await cp(file, path.join(root, names[i]!));
  return embedded(root, checkpoint, names);
}

/** Smallest and largest side of the icons, in pixels. */
const sides = [12, 900] as const;

/**
 * Icons drawn to sizes from 12 to 900 pixels, most not square.
 *
 * @param format that they are written in: a browser and libvips decode PNG alike, JPEG and WebP up to a rounding
 */
export async function drawSizes(
  root: string,
  checkpoint: string,
  folder: string,
  { count, format }: { count: number; format: 'png' | 'jpg' | 'webp' },
): Promise<EmbeddedImages> {
  const random = new Philox(1, 'images');
  const files = await findImages([folder]);
  const side = () => Math.round(sides[0] * (sides[1] / sides[0]) ** random.unit());
  await mkdir(path.join(root, `sizes-${format}`), { recursive: true });
  const names: string[] = [];
  for (const place of random.choose(files.length, count)) {
    const [width, height] = [side(), side()];
    const name = `sizes-${format}/${names.length}-${width}x${height}.${format}`;
    await sharp(files[place]).resize(width, height, { fit: 'fill' }).toFile(path.join(root, name));
    names.push(name);
  }
  return embedded(root, checkpoint, names);
}

/** A gallery of random embeddings of length 1, without images. */
export async function writeRandomGallery(root: string, name: string, count: number, dtype: GalleryDtype) {
  const dim = 128;
  const random = new Philox(2, 'images');
  const values = new Float32Array(count * dim);
  for (let row = 0; row < count; row++) {
    const vector = values.subarray(row * dim, (row + 1) * dim);
    for (let i = 0; i < dim; i++) vector[i] = random.normal();
    const norm = Math.hypot(...vector);
    for (let i = 0; i < dim; i++) vector[i]! /= norm;
  }
  const int8 = dtype === 'int8';
  const stored = int8 ? Int8Array.from(values, (value) => Math.round(value * 127)) : values;
  const info: GalleryInfo = {
    format: 1,
    modelHash: '',
    model: '',
    count,
    dim,
    dtype,
    scale: int8 ? 1 / 127 : undefined,
    embeddings: 'embeddings.bin',
    ids: Array.from({ length: count }, (_, i) => `image-${i}.png`),
    labels: Array.from({ length: count }, (_, i) => `class-${i % 1000}`),
    thumbs: { size: 64, columns: 32, rows: 32, sheets: Array.from({ length: Math.ceil(count / 1024) }, String) },
  };
  const folder = path.join(root, name);
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, 'gallery.json'), JSON.stringify(info));
  await writeFile(path.join(folder, 'embeddings.bin'), new Uint8Array(stored.buffer));
}
