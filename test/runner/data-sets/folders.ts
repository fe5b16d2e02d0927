/** Folders in the layouts of published data sets, with files that only have to exist. */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect } from 'vitest';
import type { Split } from '../../../src/runner/data/folder.js';
import { openData } from '../../../src/runner/data-sets/open-data.js';
import type { OpenOptions } from '../../../src/runner/data-sets/format.js';
import { UserError } from '../../../src/runner/base/errors.js';

/** Makes files, with their names as content where none is given. */
export async function makeFiles(root: string, names: readonly string[], contents: Record<string, string> = {}) {
  for (const name of [...names, ...Object.keys(contents)]) {
    await mkdir(path.dirname(path.join(root, name)), { recursive: true });
    await writeFile(path.join(root, name), contents[name] ?? name);
  }
}

/** What opening a split is refused with. */
export async function refusal(dataPath: string, split: Split = 'train', options?: OpenOptions): Promise<string> {
  const error = await openData(dataPath, split, options).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(UserError);
  return (error as UserError).message;
}

/** [class, path below the root with slashes] of each image. */
export async function contents(dataPath: string, split: Split, options?: OpenOptions): Promise<[string, string][]> {
  const { root, classes, images } = await openData(dataPath, split, options);
  return images.map(({ path: file, label }) => [classes[label]!, path.relative(root, file).replaceAll(path.sep, '/')]);
}

/** The lists of CUB-200-2011 with two images a class; in the order of the ids, which is not that of the classes. */
export function cubLists() {
  const classes = Array.from({ length: 200 }, (_, i) => `${String(i + 1).padStart(3, '0')}.Bird_${i + 1}`);
  const images = Array.from({ length: 400 }, (_, i) => `${classes[i % 200]}/Bird_${i}.jpg`);
  const list = (values: readonly (string | number)[]) => values.map((value, i) => `${i + 1} ${value}\n`).join('');
  return {
    images,
    lists: {
      'classes.txt': list(classes),
      'images.txt': list(images),
      'image_class_labels.txt': list(images.map((_, i) => (i % 200) + 1)),
    },
  };
}

/** Names as those of CARS-196: makes by code unit, the last one in lower case. */
export const carClasses = Array.from({ length: 196 }, (_, i) => {
  if (i === 0) return 'AM General Hummer SUV 2000';
  return i === 195 ? 'smart fortwo Convertible 2012' : `Car ${String(i).padStart(3, '0')} 2012`;
});
