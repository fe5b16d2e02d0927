/** `dws gallery`, through the built program. */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { pattern, temporaryFolder, writeFiles } from '../runner/data/images.js';
import { writeCheckpoint } from '../web/small-model.js';
import { dws } from './dws.js';

const folder = temporaryFolder();
const at = (...names: string[]) => path.join(folder.path, ...names);

beforeAll(async () => {
  await writeCheckpoint(at('small.safetensors'));
  const names = ['cups/1.png', 'cups/2.png', 'hats/1.png', 'hats/2.png', 'hats/3.png'];
  await writeFiles(at('images'), Object.fromEntries(names.map((name, seed) => [name, pattern(20, 30, 3, seed)])));
});

const gallery = (...args: string[]) =>
  dws(['gallery', '--checkpoint', at('small.safetensors'), '--workers', '0', '--threads', '1', ...args]);

it('says what it wrote', async () => {
  const { code, stdout, stderr } = await gallery(at('images'), '-o', at('gallery'), '--dtype', 'int8');
  expect(stderr).toBe('');
  expect(stdout).toMatch(/gallery: 5 images of 2 classes, 16 dimensions \(int8\), 0\.0 MB/);
  expect(code).toBe(0);
  expect((await readdir(at('gallery'))).sort()).toEqual(['embeddings.bin', 'gallery.json', 'map.bin', 'thumbs']);
});

it('leaves the map out with --no-map', async () => {
  const { code } = await gallery(at('images'), '-o', at('plain'), '--no-map');
  expect(code).toBe(0);
  expect((await readdir(at('plain'))).sort()).toEqual(['embeddings.bin', 'gallery.json', 'thumbs']);
});

it('refuses a folder of other things in one line', async () => {
  const { code, stderr } = await gallery(at('images'), '-o', at('images'));
  expect(stderr).toMatch(/^dws: .*images holds other things \(cups\), which would be lost\. .*images\/gallery\.\n$/s);
  expect(code).toBe(1);
});
