/** `prepared.json`: stands in a finished folder of icons and tells what it was made from. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../base/errors.js';
import { errorCode, fileError, readText } from '../base/files.js';
import { isSize } from '../base/sizes.js';

export const markerFile = 'prepared.json';

/** What decides the content; a folder is finished when its marker holds the same. */
export interface Recipe {
  kind: 'dws-icons';
  size: number;
  minSets: number;
  /** Versions by set. */
  sets: Record<string, string>;
}

export interface SplitSize {
  classes: number;
  images: number;
}

export interface Marker extends Recipe {
  train: SplitSize;
  val: SplitSize;
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

const isSplitSize = (value: unknown): boolean => isObject(value) && isSize(value['classes']) && isSize(value['images']);

const areVersions = (value: unknown): boolean =>
  isObject(value) &&
  Object.values(value).every((version) => typeof version === 'string' && /^[\w.-]{1,40}$/.test(version));

const isMarker = (value: unknown): value is Marker =>
  isObject(value) &&
  value['kind'] === 'dws-icons' &&
  isSize(value['size']) &&
  isSize(value['minSets']) &&
  areVersions(value['sets']) &&
  isSplitSize(value['train']) &&
  isSplitSize(value['val']);

/**
 * The marker of a finished folder; null when the folder is missing or empty.
 *
 * @throws UserError when the folder is someone else's: not empty, and without a marker
 */
export async function readMarker(folder: string): Promise<Marker | null> {
  const refuse = (what: string): UserError =>
    new UserError(`${folder} ${what}. Give another folder, or remove it first.`);
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null;
    if (errorCode(error) === 'ENOTDIR') throw new UserError(`${folder} is a file or a device. Give a folder.`);
    throw fileError(`can't read ${folder}`, error);
  }
  if (names.length === 0) return null;
  try {
    const marker: unknown = JSON.parse(await readText(join(folder, markerFile)));
    if (isMarker(marker)) return marker;
  } catch {
    // Without a readable marker the folder is someone else's.
  }
  throw refuse('is not empty and was not made by this command');
}

const textOf = ({ kind, size, minSets, sets }: Recipe): string =>
  JSON.stringify([kind, size, minSets, Object.entries(sets).sort()]);

export const sameRecipe = (a: Recipe, b: Recipe): boolean => textOf(a) === textOf(b);
