/** The ImageFolder layout: DATA/{train,val}/CLASS/IMAGE. */
import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';
import { UserError } from '../errors.js';
import { listSome } from './list-some.js';

export type Split = 'train' | 'val';

export interface ImageSet {
  /** The split's folder, absolute. */
  root: string;
  split: Split;
  /** Names of the class folders, sorted by code unit: a class's place is its label. */
  classes: string[];
  /** By class, then by file name; `path` is absolute. */
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

async function listFolder(folder: string, problem: (code: string) => string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    throw new UserError(problem((error as NodeJS.ErrnoException).code ?? String(error)));
  }
}

const reasons: Record<string, string> = {
  ENOENT: 'does not exist',
  ENOTDIR: 'is not a folder',
  EACCES: 'may not be read (permission denied)',
};

const describe = (code: string) => reasons[code] ?? `cannot be read (${code})`;

const isFolder = async (entry: Dirent, folder: string) =>
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
  const inside = await listFolder(dataRoot, (code) => `data folder ${dataRoot} ${describe(code)}. ${layout(dataRoot)}`);
  if (!inside.some((entry) => entry.name === split)) {
    throw new UserError(`${dataRoot} has no folder ${split}/ inside. ${layout(dataRoot)}`);
  }
  const entries = await listFolder(root, (code) => `${root} ${describe(code)}. ${layout(dataRoot)}`);
  const set: ImageSet = { root, split, classes: [], images: [] };
  for (const entry of entries) {
    if (!entry.name.startsWith('.') && (await isFolder(entry, root))) set.classes.push(entry.name);
  }
  set.classes.sort();
  if (set.classes.length === 0) throw new UserError(`${root} has no class folders inside. ${layout(dataRoot)}`);

  const empty: string[] = [];
  for (const [label, name] of set.classes.entries()) {
    const folder = path.join(root, name);
    const files = (await listFolder(folder, (code) => `class folder ${folder} ${describe(code)}.`))
      .filter((entry) => !entry.isDirectory() && isImageName(entry.name))
      .map((entry) => entry.name)
      .sort();
    if (files.length === 0) empty.push(name);
    for (const file of files) set.images.push({ path: path.join(folder, file), label });
  }
  if (empty.length > 0) {
    throw new UserError(
      `${root}: ${empty.length} of ${set.classes.length} class folders hold no image:\n${listSome(empty)}\n` +
        `Remove them or add images (${imageExtensions.join(' ')}).`,
    );
  }
  requireUsable(set);
  return set;
}
