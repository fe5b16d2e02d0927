/** A folder such as one ships, of a small network that was never trained: enough to tell colors apart. */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { Sharp } from 'sharp';
import sharp from 'sharp';
import { describeNetwork, initialState } from '../../src/graph/step/describe.js';
import type { TrainingOptions } from '../../src/graph/options.js';
import { saveCheckpoint } from '../../src/runner/checkpoints/checkpoint.js';
import { makeGallery } from '../../src/runner/shipping/gallery.js';
import { exportWeb } from '../../src/runner/shipping/web-export.js';
import { smallMetadata } from '../runner/checkpoints/small-checkpoint.js';

const colors = ['#c8102e', '#00843d', '#1f3fbf', '#f2c200'];
const imagesPerClass = 6;

/** A shape in the color of its class on white, no two of a class alike. */
export function picture(label: number, variation: number, size: number): Sharp {
  const at = 0.38 + 0.03 * (variation % 9);
  const radius = 0.3 + 0.01 * (variation % 7);
  const circle = `<circle cx="${at}" cy="${1 - at}" r="${radius}" fill="${colors[label]}"/>`;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1" width="${size}" height="${size}">${circle}</svg>`;
  return sharp(Buffer.from(svg)).flatten({ background: '#fff' });
}

/** Draws ROOT/class-N/M.png in different sizes. */
async function writePictures(root: string): Promise<void> {
  for (let label = 0; label < colors.length; label++) {
    await mkdir(path.join(root, `class-${label}`), { recursive: true });
    for (let i = 0; i < imagesPerClass; i++) {
      await picture(label, i, 48 + 20 * i).toFile(path.join(root, `class-${label}`, `${i}.png`));
    }
  }
}

/** Writes a checkpoint of initial values, which any build of the program gives alike. */
async function writeCheckpoint(file: string): Promise<void> {
  const small = { model: 'squeezenet1_1', featDim: 32, embedDim: 16, imageSize: 64 };
  const options: TrainingOptions = { ...smallMetadata().options, ...small };
  const metadata = { ...smallMetadata(), options, runOptions: { resize: 'stretch' } };
  await saveCheckpoint(file, { layout: describeNetwork(options), state: initialState(options, 3), metadata });
}

/** Writes ROOT/web, with model and gallery, and the gallery's images as ROOT/data. */
export async function makeWebFolder(root: string): Promise<void> {
  const at = (name: string) => path.join(root, name);
  await Promise.all([writePictures(at('data')), writeCheckpoint(at('checkpoint.safetensors'))]);
  const common = { workers: 0, threads: 1, skipBad: false };
  await exportWeb(at('checkpoint.safetensors'), at('web'), { ...common, variants: [] });
  await makeGallery(at('checkpoint.safetensors'), [at('data')], at('web/gallery'), {
    ...common,
    ...{ device: 'cpu', deviceId: 0, dtype: 'float32', thumbSize: 64, map: true },
  });
}
