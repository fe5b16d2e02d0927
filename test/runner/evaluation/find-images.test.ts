import path from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { findImages } from '../../../src/runner/evaluation/find-images.js';
import { temporaryFolder, writeFiles } from '../data/images.js';

const folder = temporaryFolder();
const at = (...names: string[]) => path.join(folder.path, ...names);

beforeAll(() =>
  writeFiles(at('pictures'), {
    'b/2.PNG': '',
    'b/1.jpg': '',
    'b/deep/3.webp': '',
    'a.gif': '',
    'notes.md': '',
    '.hidden.png': '',
    '.trash/4.png': '',
  }),
);

it('lists the images of a folder by name, at any depth, without what is hidden or no image', async () => {
  const names = ['a.gif', 'b/1.jpg', 'b/2.PNG', 'b/deep/3.webp'];
  expect(await findImages([at('pictures')])).toEqual(names.map((name) => at('pictures', name)));
});

it('takes files as they are given, in the order given', async () => {
  const given = [at('pictures/b/2.PNG'), at('pictures/notes.md'), at('pictures/a.gif')];
  expect(await findImages(given)).toEqual(given);
});

it('refuses a path that is not there, and a folder without images', async () => {
  await expect(findImages([at('nowhere')])).rejects.toThrow(/can't read .*nowhere: no such file or folder/);
  await writeFiles(at('texts'), { 'a.txt': '' });
  await expect(findImages([at('texts')])).rejects.toThrow(/texts holds no image \(/);
});
