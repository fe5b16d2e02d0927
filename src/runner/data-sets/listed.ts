/** Images that a file lists: their paths are checked before anything is opened. */
import type { Dirent } from 'node:fs';
import { lstat, readdir, realpath } from 'node:fs/promises';
import path from 'node:path';
import type { ImageRole, ImageSet, Split } from '../data/folder.js';
import { errorCode, fileError } from '../base/files.js';
import type { OpenOptions } from './format.js';
import type { Problem } from './lines.js';
import { quoted, requireNone } from './lines.js';

export interface ListedImage {
  line: number;
  /** As the file has it: relative to the root, or absolute and inside of it, with `/` between names. */
  path: string;
  label: number;
  role?: ImageRole;
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

const both: ImageRole = { isQuery: true, isGallery: true };

const advice = 'Paths are relative to the folder of the images, or absolute, and stay inside of it.';
const missingAdvice = 'Add the missing files, or leave them out with --skip-bad.';

const isAbsolute = (name: string) => path.posix.isAbsolute(name) || path.win32.isAbsolute(name);

/** A path of the list relative to the root; an absolute one that is not inside stays as it is. */
function relativeTo(roots: readonly string[], name: string): string {
  if (!path.isAbsolute(name)) return name;
  const inside = roots.find((root) => isInside(name, root) && path.resolve(name) !== root);
  return inside === undefined ? name : path.relative(inside, name).replaceAll(path.sep, '/');
}

/** Why a path is refused without a look at the disk. */
function unfit(name: string): string | undefined {
  if (name === '') return 'names no file';
  if (name.includes('\0')) return `${quoted(name)} has a zero byte in it`;
  if (isAbsolute(name)) return `${quoted(name)} is an absolute path that leads out of the folder`;
  if (name.replaceAll('\\', '/').split('/').includes('..')) return `${quoted(name)} has ".." in it`;
  return undefined;
}

/** Whether a path is inside of a folder; both real, without links. */
function isInside(real: string, root: string): boolean {
  const relative = path.relative(root, real);
  return relative !== '..' && !relative.startsWith(`..${path.sep}`) && !path.isAbsolute(relative);
}

/** A listed folder: what is in it, by the names' composed form too, or why nothing of it can be used. */
type Folder = { entries: Map<string, Dirent>; real: string } | { problem: 'missing' | 'outside' };

/** The entry that a name means: macOS writes accents in two characters, and other systems in one. */
const entryOf = (entries: Map<string, Dirent>, name: string): Dirent | undefined =>
  entries.get(name) ?? entries.get(name.normalize('NFC'));

const absent = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG']);

/** What is found at a path; undefined for one that leads nowhere. @param what for the error */
async function orNone<T>(found: Promise<T>, what: string): Promise<T | undefined> {
  try {
    return await found;
  } catch (error) {
    if (absent.has(errorCode(error) ?? '')) return undefined;
    throw fileError(`can't read ${what}`, error);
  }
}

const realOrNone = (name: string) => orNone(realpath(name), name);

async function openFolder(folder: string, realRoot: string): Promise<Folder> {
  const real = await realOrNone(folder);
  if (real === undefined) return { problem: 'missing' };
  if (!isInside(real, realRoot)) return { problem: 'outside' };
  const entries = await orNone(readdir(real, { withFileTypes: true }), `the folder ${folder}`);
  if (!entries) return { problem: 'missing' };
  // The names as they are come last: they win over another one's composed form.
  const composed = entries.map((entry) => [entry.name.normalize('NFC'), entry] as const);
  return { entries: new Map([...composed, ...entries.map((entry) => [entry.name, entry] as const)]), real };
}

/** Folders of a list, each looked at once. */
class Folders {
  private readonly opened = new Map<string, Promise<{ folder: Folder; name: string }>>();

  constructor(
    private readonly root: string,
    private readonly realRoot: string,
  ) {}

  /** @returns the folder, and its name as the disk has it */
  get(name: string): Promise<{ folder: Folder; name: string }> {
    const known = this.opened.get(name) ?? this.open(name);
    this.opened.set(name, known);
    return known;
  }

  private async open(name: string): Promise<{ folder: Folder; name: string }> {
    const folder = await openFolder(path.join(this.root, name), this.realRoot);
    if (!('problem' in folder) || folder.problem !== 'missing' || name === '.') return { folder, name };
    const parent = await this.get(path.posix.dirname(name));
    const base = path.posix.basename(name);
    const entry = 'problem' in parent.folder ? undefined : entryOf(parent.folder.entries, base);
    const actual = entry && path.posix.join(parent.name, entry.name);
    return actual === undefined || actual === name ? { folder, name } : this.get(actual);
  }
}

type State = 'there' | 'missing' | 'outside' | 'folder';

/** @returns also the name as the disk has it */
async function stateOf(name: string, folder: Folder, realRoot: string): Promise<{ state: State; name: string }> {
  if ('problem' in folder) return { state: folder.problem, name };
  // A file system may know a file by other spellings than the listed one.
  const place = path.join(folder.real, name);
  const entry = entryOf(folder.entries, name) ?? (await orNone(lstat(place), place));
  if (entry === undefined) return { state: 'missing', name };
  const found = 'name' in entry && entry.name !== '' ? entry.name : name;
  if (entry.isDirectory()) return { state: 'folder', name: found };
  if (!entry.isSymbolicLink()) return { state: 'there', name: found };
  const real = await realOrNone(path.join(folder.real, found));
  if (real === undefined) return { state: 'missing', name: found };
  return { state: isInside(real, realRoot) ? 'there' : 'outside', name: found };
}

/** Looks for a listed path; one with `\` between its folders, as Windows writes it, is tried as it stands first. */
async function find(folders: Folders, given: string, realRoot: string): Promise<{ state: State; name: string }> {
  const look = async (listed: string) => {
    const normal = path.posix.normalize(listed);
    const { folder, name } = await folders.get(path.posix.dirname(normal));
    const { state, name: base } = await stateOf(path.posix.basename(normal), folder, realRoot);
    return { state, name: path.posix.join(name, base) };
  };
  const found = await look(given);
  return found.state === 'missing' && given.includes('\\') ? look(given.replaceAll('\\', '/')) : found;
}

/** Follows `line 3: "a/b.jpg"`. */
const stateTexts: Record<Exclude<State, 'there'>, string> = {
  missing: 'is not there',
  outside: 'is a link, or goes through a link, that leads out of the folder',
  folder: 'is a folder',
};

/**
 * Makes the set of the listed images, sorted by class and path. Lines are refused whose path leaves the root (by name or through a
 * link), is listed twice or is a folder, and, unless `skipBad` is set, those whose file is not there.
 */
export async function listedSet(list: ImageList, { skipBad = false, refuse }: OpenOptions): Promise<ImageSet> {
  const { file, root, split, classes } = list;
  const realRoot = await realpath(root).catch((error: unknown) => {
    throw fileError(`can't read the folder ${root}`, error);
  });
  const problems: Problem[] = [];
  const missing: Problem[] = [];
  const lines = new Map<string, number>();
  const folders = new Folders(root, realRoot);
  const images: (ImageSet['images'][number] & { role?: ImageRole })[] = [];
  for (const { line, path: listed, label, role } of list.images) {
    const given = relativeTo([root, realRoot], listed);
    const reason = unfit(given);
    if (reason !== undefined) {
      problems.push({ line, text: reason });
      continue;
    }
    const { state, name } = await find(folders, given, realRoot);
    const before = lines.get(name);
    if (before !== undefined) {
      problems.push({ line, text: `${quoted(given)} is in line ${before} already` });
      continue;
    }
    lines.set(name, line);
    if (state !== 'there') {
      const problem = { line, text: `${quoted(given)} ${stateTexts[state]}` };
      (state === 'missing' ? missing : problems).push(problem);
      if (state !== 'missing') continue;
    }
    images.push({ path: path.join(root, name), label, ...(role && { role }) });
  }
  requireNone(file, problems, advice, refuse);
  if (!skipBad) requireNone(file, missing, missingAdvice, refuse);
  images.sort((a, b) => a.label - b.label || (a.path < b.path ? -1 : 1));
  const set = { root, split, classes, images: images.map(({ path: place, label }) => ({ path: place, label })) };
  return images.some(({ role }) => role) ? { ...set, roles: images.map(({ role }) => role ?? both) } : set;
}
