/** Image files for the tests, drawn into a temporary folder that goes with the test file. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { Sharp } from 'sharp';
import sharp from 'sharp';
import { afterAll, beforeAll } from 'vitest';

/** A temporary folder for the tests of one file; `folder.path` is set when they run. */
export function temporaryFolder(): { path: string } {
  const folder = { path: '' };
  beforeAll(async () => {
    folder.path = await mkdtemp(path.join(os.tmpdir(), 'dws-test-'));
  });
  afterAll(() => rm(folder.path, { recursive: true, force: true }));
  return folder;
}

/** Pixels of [height, width, channels] that differ from place to place and by `seed`. */
export function pattern(width: number, height: number, channels: 1 | 2 | 3 | 4 = 3, seed = 0): Sharp {
  const pixels = Buffer.alloc(width * height * channels);
  for (let i = 0; i < pixels.length; i++) pixels[i] = Math.imul(i + 1 + 7919 * seed, 0x9e3779b1) >>> 24;
  return sharp(pixels, { raw: { width, height, channels } });
}

/** Writes files, making their folders: bytes, text, or an image in the format of the name's extension. */
export async function writeFiles(root: string, files: Record<string, Uint8Array | string | Sharp>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(root, name);
    await mkdir(path.dirname(file), { recursive: true });
    if (typeof content === 'string' || content instanceof Uint8Array) await writeFile(file, content);
    else await content.toFile(file);
  }
}

/** The first part of a file, in a new file. */
export async function truncated(source: string, target: string, share: number): Promise<void> {
  const bytes = await readFile(source);
  await writeFile(target, bytes.subarray(0, Math.floor(bytes.length * share)));
}
