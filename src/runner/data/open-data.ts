/** What `--data-path` names -> the images of a split, whatever the format. */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { DataFormat, OpenOptions, Place } from '../data-sets/format.js';
import { dataFormats } from '../data-sets/formats.js';
import { imageFolder } from '../data-sets/image-folder.js';
import { UserError } from '../errors.js';
import type { ImageSet, Split } from './folder.js';
import { isFolder, listFolder, requireUsable } from './folder.js';

const known = dataFormats.map(({ name, layout }) => `\n  ${name}: ${layout}`).join('');

async function lookAt(dataPath: string): Promise<Place> {
  const absolute = path.resolve(dataPath);
  const isFile = await stat(absolute).then(
    (found) => found.isFile(),
    () => false,
  );
  if (isFile) return { path: absolute, isFolder: false, names: new Set() };
  const entries = await listFolder(absolute, `data folder ${absolute}`, `Give one of these:${known}`);
  return { path: absolute, isFolder: true, names: new Set(entries.map(({ name }) => name)) };
}

async function formatsOf(place: Place): Promise<DataFormat[]> {
  const recognized = await Promise.all(dataFormats.map((format) => format.recognize(place)));
  return dataFormats.filter((_, index) => recognized[index]);
}

/** Folders inside that are data sets themselves: archives unpack into one, people name the folder around it. */
async function dataInside(place: Place): Promise<string[]> {
  if (!place.isFolder) return [];
  const found: string[] = [];
  for (const entry of await listFolder(place.path, place.path)) {
    if (!(await isFolder(entry, place.path))) continue;
    const inside = await lookAt(path.join(place.path, entry.name)).catch(() => undefined);
    if (inside && (await formatsOf(inside)).length > 0) found.push(inside.path);
  }
  return found;
}

/**
 * Tells by its files which format data has.
 *
 * @throws UserError when it is none that is known, or may be more than one
 */
export async function recognizeData(dataPath: string): Promise<{ format: DataFormat; place: Place }> {
  const place = await lookAt(dataPath);
  const [format, ...others] = await formatsOf(place);
  if (others.length > 0) {
    const names = [format!, ...others].map(({ name }) => name).join(' and ');
    throw new UserError(
      `${place.path} may be ${names}. Move the files of one of them elsewhere, or list the images in a .csv manifest.`,
    );
  }
  if (format) return { format, place };
  if (place.names.has('train') || place.names.has('val')) return { format: imageFolder, place };
  const inside = await dataInside(place);
  if (inside.length > 0)
    throw new UserError(`${place.path} is no data set, but holds one. Give ${inside.join(' or ')}.`);
  throw new UserError(`${place.path} is no data set that is known. Give one of these:${known}`);
}

/**
 * Lists a split of an image folder, CUB-200-2011, CARS-196, Stanford Online Products or a CSV manifest.
 *
 * @param dataPath the folder, or the manifest's file
 * @throws UserError when it is none of these, when files are missing, when a list has lines that can't be used or paths
 *   that leave its folder, and when there is too little in the split to train on or to evaluate with
 */
export async function openData(dataPath: string, split: Split, options: OpenOptions = {}): Promise<ImageSet> {
  const { format, place } = await recognizeData(dataPath);
  const set = await format.open(place, split, options);
  if (set.images.length === 0) throw new UserError(`${place.path} holds no image for the split ${split}.`);
  requireUsable(set);
  return set;
}
