/** A small network that was never trained, exported for pages, and images of many sizes with what `dws embed` makes of them. */
import path from 'node:path';
import type { Sharp } from 'sharp';
import sharp from 'sharp';
import { describeNetwork, initialState } from '../../src/graph/step/describe.js';
import type { TrainingOptions } from '../../src/graph/options.js';
import type { PreprocessingOptions } from '../../src/graph/preprocessing.js';
import { saveCheckpoint } from '../../src/runner/checkpoints/checkpoint.js';
import { embedImages } from '../../src/runner/evaluation/embed.js';
import { exportWeb } from '../../src/runner/shipping/web-export.js';
import { pattern, writeFiles } from '../runner/data/images.js';
import { smallMetadata } from '../runner/checkpoints/small-checkpoint.js';

export const inference = { device: 'cpu', deviceId: 0, threads: 1, workers: 0, skipBad: false } as const;

export interface SmallCheckpoint extends Partial<PreprocessingOptions> {
  embedDim?: number;
  seed?: number;
}

/** @param options what is made of images, stretched to 64 px unless given */
export async function writeCheckpoint(file: string, options: SmallCheckpoint = {}): Promise<void> {
  const { embedDim = 16, seed = 3, mean, std, imageSize = 64, ...squares } = options;
  const small = { model: 'squeezenet1_1', featDim: 32, embedDim, imageSize, mean, std };
  const training: TrainingOptions = { ...smallMetadata().options, ...small };
  const runOptions = { resize: 'stretch', filter: 'triangle', ...squares };
  const metadata = { ...smallMetadata(), options: training, runOptions };
  await saveCheckpoint(file, { layout: describeNetwork(training), state: initialState(training, seed), metadata });
}

/** A drawing of two shapes in colors by `seed`. */
export function drawing(width: number, height: number, seed: number, opacity = 1): Sharp {
  const color = (i: number) => `hsl(${(seed * 67 + i * 140) % 360} 80% ${30 + ((seed * 13 + i * 20) % 40)}%)`;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1" preserveAspectRatio="none" width="${width}" height="${height}">
    <rect x="0.05" y="${0.1 + (seed % 3) / 10}" width="0.6" height="0.4" fill="${color(0)}" opacity="${opacity}"/>
    <circle cx="0.6" cy="${0.4 + (seed % 4) / 10}" r="${0.15 + (seed % 5) / 20}" fill="${color(1)}" opacity="${opacity}"/></svg>`;
  return sharp(Buffer.from(svg)).toColourspace('srgb');
}

export const onWhite = (image: Sharp) => image.flatten({ background: '#fff' });

/**
 * By name: sizes on both sides of the network's, alpha, gray, palette, turned by EXIF. In formats that all decoders read alike.
 */
const drawings: Record<string, Sharp> = {
  'icons/small.png': onWhite(drawing(20, 20, 1)),
  'icons/same.png': onWhite(drawing(64, 64, 2)),
  'icons/wide.png': onWhite(drawing(300, 41, 3)),
  'icons/tall.png': onWhite(drawing(33, 500, 4)),
  'icons/large.png': onWhite(drawing(640, 480, 5)),
  'alpha/clear.png': drawing(90, 110, 6),
  'alpha/half.png': drawing(128, 77, 7, 0.5),
  'other/gray.png': onWhite(drawing(100, 100, 8)).grayscale(),
  'other/palette.png': onWhite(drawing(70, 90, 9)).png({ palette: true }),
  'other/turned.jpg': onWhite(drawing(130, 70, 10))
    .withMetadata({ orientation: 6 })
    .jpeg({ quality: 95, chromaSubsampling: '4:4:4' }),
  'other/noise.png': pattern(97, 131, 3, 11),
};

export interface SmallModel {
  /** What `exportWeb` wrote. */
  model: string;
  /** Folder of the images. */
  images: string;
  checkpoint: string;
  /** Embeddings by the images' paths within `images`. */
  expected: Map<string, Float32Array>;
}

/** Writes ROOT/{small.safetensors,model/,images/}. */
export async function makeSmallModel(
  root: string,
  variants: ('fp16' | 'int8')[] = [],
  options: SmallCheckpoint = {},
): Promise<SmallModel> {
  const at = (name: string) => path.join(root, name);
  const [checkpoint, model, images] = [at('small.safetensors'), at('model'), at('images')];
  await writeCheckpoint(checkpoint, options);
  await writeFiles(images, drawings);
  await exportWeb(checkpoint, model, { variants, skipBad: false, workers: 0, threads: 1 });
  const names = Object.keys(drawings);
  const files = names.map((name) => path.join(images, name));
  const { embeddings, dim } = await embedImages(checkpoint, files, inference);
  const expected = new Map(names.map((name, i) => [name, embeddings.slice(i * dim, (i + 1) * dim)]));
  return { model, images, checkpoint, expected };
}

export function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [dot, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    dot += a[i]! * b[i]!;
    aa += a[i]! ** 2;
    bb += b[i]! ** 2;
  }
  return dot / Math.sqrt(aa * bb);
}

/** The largest cosine between embeddings of two different images. */
export function largestCosine(embeddings: Iterable<Float32Array>): number {
  const all = [...embeddings];
  return Math.max(...all.flatMap((a, i) => all.slice(i + 1).map((b) => cosine(a, b))));
}

/** The decoded pixels of an image file, as a page would have them. */
export async function readRgba(file: string) {
  const { data, info } = await sharp(file, { autoOrient: true })
    .toColourspace('srgb')
    .ensureAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { data: new Uint8Array(data), width: info.width, height: info.height };
}
