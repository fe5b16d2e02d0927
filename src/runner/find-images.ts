/** Files and folders as a person names them -> image files. */
import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { imageExtensions, isImageName } from './data/folder.js';
import { UserError } from './errors.js';
import { fileError } from './files.js';

const byName = (a: Dirent, b: Dirent): number => (a.name < b.name ? -1 : 1);

async function* imagesBelow(folder: string): AsyncGenerator<string> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    throw fileError(`can't read the folder ${folder}`, error);
  });
  for (const entry of entries.sort(byName)) {
    const inside = path.join(folder, entry.name);
    if (entry.isDirectory() && !entry.name.startsWith('.')) yield* imagesBelow(inside);
    else if (!entry.isDirectory() && isImageName(entry.name)) yield inside;
  }
}

/**
 * Lists images: files as they are given, whatever their names, and those of folders, at any depth, by their extensions;
 * hidden ones are passed over. In the order given, and by name in a folder.
 *
 * @throws UserError for a path that is not there, and a folder without any image
 */
export async function findImages(paths: readonly string[]): Promise<string[]> {
  const images: string[] = [];
  for (const given of paths) {
    const found = await stat(given).catch((error: unknown) => {
      throw fileError(`can't read ${given}`, error);
    });
    const before = images.length;
    if (!found.isDirectory()) images.push(given);
    else for await (const image of imagesBelow(given)) images.push(image);
    if (images.length === before) {
      throw new UserError(
        `${given} holds no image (${imageExtensions.join(' ')}). Give image files, or a folder of them.`,
      );
    }
  }
  return images;
}
