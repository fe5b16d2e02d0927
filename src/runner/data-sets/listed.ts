/** Images that a file lists: their paths are checked before anything is opened. */
import type { Dirent } from 'node:fs';
import { lstat, readdir, realpath } from 'node:fs/promises';
import path from 'node:path';
import type { ImageSet, Split } from '../data/folder.js';
import { errorCode, fileError } from '../files.js';
import type { OpenOptions } from './format.js';
import type { Problem } from './lines.js';
import { quoted, requireNone } from './lines.js';

export interface ListedImage {
  line: number;
  /** As the file has it: relative to the root, with `/` between names. */
  path: string;
  label: number;
}

export interface ImageList {
  /** The file, for errors. */
  file: string;
  /** Folder that no path may leave; links are followed as long as they stay inside. */
  root: string;
  split: Split;
  classes: string[];
  images: readonly ListedImage[];
}

const advice = 'Paths are relative to the folder of the images and stay inside of it.';
const missingAdvice = 'Add the missing files, or leave them out with --skip-bad.';

const isAbsolute = (name: string) => path.posix.isAbsolute(name) || path.win32.isAbsolute(name);

/** Why a path is refused without a look at the disk. */
function unfit(name: string): string | undefined {
  if (name === '') return 'names no file';
  if (name.includes('\0')) return `${quoted(name)} has a zero byte in it`;
  if (isAbsolute(name)) return `${quoted(name)} is an absolute path`;
  if (name.replaceAll('\\', '/').split('/').includes('..')) return `${quoted(name)} has ".." in it`;
  return undefined;
}

/** Whether a path is inside of a folder; both real, without links. */
function isInside(real: string, root: string): boolean {
  const relative = path.relative(root, real);
  return relative !== '..' && !relative.startsWith(`..${path.sep}`) && !path.isAbsolute(relative);
}

/** A listed folder: what is in it, or why nothing of it can be used. */
type Folder = { entries: Map<string, Dirent>; real: string } | { problem: 'missing' | 'outside' };

const absent = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG']);

/** `undefined` for a path that leads nowhere. */
async function realOrNone(name: string): Promise<string | undefined> {
  try {
    return await realpath(name);
  } catch (error) {
    if (absent.has(errorCode(error) ?? '')) return undefined;
    throw fileError(`can't read ${name}`, error);
  }
}

async function openFolder(folder: string, realRoot: string): Promise<Folder> {
  const real = await realOrNone(folder);
  if (real === undefined) return { problem: 'missing' };
  if (!isInside(real, realRoot)) return { problem: 'outside' };
  const entries = await readdir(real, { withFileTypes: true }).catch((error: unknown) => {
    if (absent.has(errorCode(error) ?? '')) return undefined;
    throw fileError(`can't read the folder ${folder}`, error);
  });
  return entries ? { entries: new Map(entries.map((entry) => [entry.name, entry])), real } : { problem: 'missing' };
}

type State = 'there' | 'missing' | 'outside' | 'folder';

async function stateOf(name: string, folder: Folder, realRoot: string): Promise<State> {
  if ('problem' in folder) return folder.problem;
  const inside = path.join(folder.real, name);
  // A file system may know a file by other spellings than the listed one.
  const entry = folder.entries.get(name) ?? (await lstat(inside).catch(() => undefined));
  if (entry === undefined) return 'missing';
  if (entry.isDirectory()) return 'folder';
  if (!entry.isSymbolicLink()) return 'there';
  const real = await realOrNone(inside);
  if (real === undefined) return 'missing';
  return isInside(real, realRoot) ? 'there' : 'outside';
}

/** Follows `line 3: "a/b.jpg"`. */
const stateTexts: Record<Exclude<State, 'there'>, string> = {
  missing: 'is not there',
  outside: 'is a link, or goes through a link, that leads out of the folder',
  folder: 'is a folder',
};

/**
 * Makes the set of the listed images, sorted by class and path.
 *
 * @throws UserError that lists the lines whose path leaves the root (by name or through a link), is listed twice or is a
 *   folder, and, unless `skipBad` is set, those whose file is not there
 */
export async function listedSet(list: ImageList, { skipBad = false }: OpenOptions): Promise<ImageSet> {
  const { file, root, split, classes } = list;
  const realRoot = await realpath(root).catch((error: unknown) => {
    throw fileError(`can't read the folder ${root}`, error);
  });
  const problems: Problem[] = [];
  const missing: Problem[] = [];
  const lines = new Map<string, number>();
  const folders = new Map<string, Folder>();
  const images: ImageSet['images'] = [];
  for (const { line, path: given, label } of list.images) {
    const reason = unfit(given);
    if (reason !== undefined) {
      problems.push({ line, text: reason });
      continue;
    }
    const name = path.posix.normalize(given);
    const before = lines.get(name);
    if (before !== undefined) {
      problems.push({ line, text: `${quoted(given)} is in line ${before} already` });
      continue;
    }
    lines.set(name, line);
    const folderName = path.posix.dirname(name);
    const folder = folders.get(folderName) ?? (await openFolder(path.join(root, folderName), realRoot));
    folders.set(folderName, folder);
    const state = await stateOf(path.posix.basename(name), folder, realRoot);
    if (state !== 'there') {
      const problem = { line, text: `${quoted(given)} ${stateTexts[state]}` };
      (state === 'missing' ? missing : problems).push(problem);
    }
    images.push({ path: path.join(root, name), label });
  }
  requireNone(file, problems, advice);
  if (!skipBad) requireNone(file, missing, missingAdvice);
  images.sort((a, b) => a.label - b.label || (a.path < b.path ? -1 : 1));
  return { root, split, classes, images };
}
