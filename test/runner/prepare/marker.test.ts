import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { UserError } from '../../../src/runner/base/errors.js';
import { markerFile, readMarker, sameRecipe } from '../../../src/runner/prepare/marker.js';
import type { Marker } from '../../../src/runner/prepare/marker.js';
import { temporaryFolder } from '../data/images.js';

const folder = temporaryFolder();

const marker: Marker = {
  ...{ kind: 'dws-icons', size: 128, minSets: 5, sets: { noto: '1.2.9', twemoji: '1.2.5' } },
  ...{ train: { classes: 2, images: 10 }, val: { classes: 1, images: 5 } },
};

async function read(value: unknown): Promise<Marker | null> {
  const icons = path.join(folder.path, 'icons');
  await mkdir(icons, { recursive: true });
  await writeFile(path.join(icons, markerFile), JSON.stringify(value));
  return readMarker(icons);
}

it('a finished folder tells what it was made from, whatever the order of the sets', async () => {
  const found = await read({ ...marker, sets: { twemoji: '1.2.5', noto: '1.2.9' } });
  expect(sameRecipe(found!, marker)).toBe(true);
  expect(sameRecipe(found!, { ...marker, sets: { noto: '1.2.9' } })).toBe(false);
});

it.each<[string, unknown]>([
  ['nothing', null],
  ['another kind', { ...marker, kind: 'other' }],
  ['no sets', { ...marker, sets: undefined }],
  ['versions that are none', { ...marker, sets: { noto: '\u202e' } }],
  ['no counts', { ...marker, val: {} }],
])("a marker with %s makes a folder someone else's", async (_, value) => {
  await expect(read(value)).rejects.toThrow(UserError);
  await expect(read(value)).rejects.toThrow(/is not empty and was not made by this command/);
});
