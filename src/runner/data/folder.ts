/** The ImageFolder layout: DATA/{train,val}/CLASS/IMAGE. */
import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';
import { UserError } from '../errors.js';
import { errorCode } from '../files.js';
import { listSome } from './list-some.js';

export type Split = 'train' | 'val';

export interface ImageSet {
  /** The folder that holds the images, absolute: of an image folder the split's. */
  root: string;
  split: Split;
  /** Names of the classes, in an order of their own (of class folders by code unit): a class's place is its label. */
  classes: string[];
  /** By class, then by path by code unit; `path` is absolute. */
  images: { path: string; label: number }[];
}

/** File name endings (lower case, with their dot) of everything that the installed sharp reads. */
export const imageExtensions: readonly string[] = Object.values(sharp.format as unknown as Record<string, Format>)
  .filter((format) => format.input.file)
  .flatMap((format) => format.input.fileSuffix ?? [])
  .sort();

interface Format {
  input: { file: boolean; fileSuffix?: string[] };
}

/** True for a file name that sharp should be able to read, and that is not hidden. */
export function isImageName(name: string): boolean {
  const lower = name.toLowerCase();
  return !name.startsWith('.') && imageExtensions.some((extension) => lower.endsWith(extension));
}

const layout = (dataPath: string) => `Images belong in ${path.join(dataPath, '{train,val}', 'CLASS')}/.`;

const reasons: Record<string, string> = {
  ENOENT: 'does not exist',
  ENOTDIR: 'is not a folder',
  EACCES: 'may not be read (permission denied)',
};

/**
 * Lists a folder.
 *
 * @param name what the error calls it
 * @param advice sentence behind the error
 * @throws UserError when it cannot be read
 */
export async function listFolder(folder: string, name: string, advice = ''): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    const code = errorCode(error) ?? String(error);
    throw new UserError(`${name} ${reasons[code] ?? `cannot be read (${code})`}. ${advice}`.trimEnd());
  }
}

/** Whether an entry of `folder` is a folder, or a link to one. */
export const isFolder = async (entry: Dirent, folder: string): Promise<boolean> =>
  entry.isDirectory() ||
  (entry.isSymbolicLink() &&
    (await stat(path.join(folder, entry.name)).then(
      (target) => target.isDirectory(),
      () => false,
    )));

/** What a split must hold to be of any use: the rule, and what the error says when it is broken. */
const requirements: Record<Split, { holds: (sizes: number[]) => boolean; otherwise: string }> = {
  train: {
    holds: (sizes) => sizes.filter((size) => size > 0).length >= 2,
    otherwise: 'holds images of one class only: training needs negatives, so at least two classes',
  },
  val: {
    holds: (sizes) => sizes.some((size) => size >= 2),
    otherwise: 'has no class with two images: an image can only be found by another one of its class',
  },
};

/** How many images each class has. */
export function classSizes(set: ImageSet): number[] {
  const sizes = new Array<number>(set.classes.length).fill(0);
  for (const { label } of set.images) sizes[label]!++;
  return sizes;
}

/** @throws UserError when there is too little in the set to train on or to evaluate with */
export function requireUsable(set: ImageSet): void {
  if (set.images.length === 0) throw new UserError(`${set.root} holds no image that can be read.`);
  const { holds, otherwise } = requirements[set.split];
  if (!holds(classSizes(set))) throw new UserError(`${set.root} ${otherwise}.`);
}

/** Names of the class folders inside of a folder, sorted by code unit; hidden ones are passed over. */
export async function classFolders(entries: readonly Dirent[], folder: string): Promise<string[]> {
  const names: string[] = [];
  for (const entry of entries) {
    if (!entry.name.startsWith('.') && (await isFolder(entry, folder))) names.push(entry.name);
  }
  return names.sort();
}

/** Names of the images in a class folder, sorted by code unit. @throws UserError when it cannot be read */
export async function imageNames(folder: string): Promise<string[]> {
  const entries = await listFolder(folder, `class folder ${folder}`);
  return entries
    .filter((entry) => !entry.isDirectory() && isImageName(entry.name))
    .map((entry) => entry.name)
    .sort();
}

/** @throws UserError that lists the class folders without any image, if there are some */
export function requireImages(root: string, classes: readonly string[], empty: readonly string[]): void {
  if (empty.length === 0) return;
  throw new UserError(
    `${root}: ${empty.length} of ${classes.length} class folders hold no image:\n${listSome(empty)}\n` +
      `Remove them or add images (${imageExtensions.join(' ')}).`,
  );
}

/**
 * Lists one split of an image folder. Hidden entries and files that are no images by their extension are passed over;
 * links are followed; folders inside of a class folder are not searched.
 *
 * @param dataPath the folder with `train` and `val` inside
 * @throws UserError when a folder is missing or unreadable, when the split or a class folder is empty, when `train` has
 * one class only, or when no class of `val` has two images
 */
export async function openImageFolder(dataPath: string, split: Split): Promise<ImageSet> {
  const dataRoot = path.resolve(dataPath);
  const root = path.join(dataRoot, split);
  const inside = await listFolder(dataRoot, `data folder ${dataRoot}`, layout(dataRoot));
  if (!inside.some((entry) => entry.name === split)) {
    throw new UserError(`${dataRoot} has no folder ${split}/ inside. ${layout(dataRoot)}`);
  }
  const classes = await classFolders(await listFolder(root, root, layout(dataRoot)), root);
  if (classes.length === 0) throw new UserError(`${root} has no class folders inside. ${layout(dataRoot)}`);

  const set: ImageSet = { root, split, classes, images: [] };
  const empty: string[] = [];
  for (const [label, name] of classes.entries()) {
    const folder = path.join(root, name);
    const files = await imageNames(folder);
    if (files.length === 0) empty.push(name);
    for (const file of files) set.images.push({ path: path.join(folder, file), label });
  }
  requireImages(root, classes, empty);
  requireUsable(set);
  return set;
}
