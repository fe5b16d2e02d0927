/** Where the loader of Linux finds a library, without loading it: ld.so(8). */
import { execFile } from 'node:child_process';
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import type { Dynamic } from './elf.js';

/** Where the loader looks, in this order, between the folders of the library that asks. */
export interface LoaderPlaces {
  /** LD_LIBRARY_PATH; the current folder where it has an empty entry. */
  libraryPath: readonly string[];
  /** Of /etc/ld.so.cache, by name. */
  cache: ReadonlyMap<string, string>;
  defaults: readonly string[];
}

const defaults = ['/lib64', '/usr/lib64', '/lib/x86_64-linux-gnu', '/usr/lib/x86_64-linux-gnu', '/lib', '/usr/lib'];

/** Lines like `libm.so.6 (libc6,x86-64) => /lib/x86_64-linux-gnu/libm.so.6`; the first of a name counts. */
export function parseCache(listing: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const line of listing.split('\n')) {
    const [, name, kind, file] = /^\s*(\S+) \(([^)]*)\) => (.+)$/.exec(line) ?? [];
    if (name && kind?.includes('x86-64') && !found.has(name)) found.set(name, file!);
  }
  return found;
}

/** The cache as `ldconfig -p` lists it; empty where there is none, as the loader does without. */
async function readCache(): Promise<Map<string, string>> {
  for (const ldconfig of ['/sbin/ldconfig', '/usr/sbin/ldconfig', 'ldconfig']) {
    try {
      const { stdout } = await promisify(execFile)(ldconfig, ['-p'], { maxBuffer: 2 ** 26 });
      return parseCache(stdout);
    } catch {
      // Not there, or on a system without a cache.
    }
  }
  return new Map();
}

export const libraryPathOf = (text: string | undefined): string[] =>
  text ? text.split(/[:;]/).map((folder) => folder || '.') : [];

export const loaderPlaces = async (env: Readonly<NodeJS.ProcessEnv> = process.env): Promise<LoaderPlaces> => ({
  libraryPath: libraryPathOf(env.LD_LIBRARY_PATH),
  cache: await readCache(),
  defaults,
});

const isFile = async (file: string): Promise<boolean> =>
  stat(file).then(
    (found) => found.isFile(),
    () => false,
  );

async function inFolders(name: string, folders: readonly string[]): Promise<string | undefined> {
  for (const folder of folders) {
    const file = path.join(folder, name);
    if (await isFile(file)) return file;
  }
  return undefined;
}

/** A library that asks for others. */
export interface Asking extends Pick<Dynamic, 'rpath' | 'runpath'> {
  folder: string;
}

/** The file that the loader takes for a library's name; undefined where it finds none. */
export async function findLibrary(name: string, places: LoaderPlaces, asking?: Asking): Promise<string | undefined> {
  const own = (folders: readonly string[] = []) =>
    folders.map((folder) => folder.replace(/\$(ORIGIN|\{ORIGIN\})/g, asking!.folder));
  const { rpath = [], runpath = [] } = asking ?? {};
  const before = runpath.length > 0 ? [] : own(rpath);
  const found = await inFolders(name, [...before, ...places.libraryPath, ...own(runpath)]);
  if (found !== undefined) return found;
  const cached = places.cache.get(name);
  return cached !== undefined && (await isFile(cached)) ? cached : inFolders(name, places.defaults);
}

/** Where CUDA's installers and packages put libraries; `*` is any one name. */
const usualFolders = [
  '/usr/local/cuda*/lib64',
  '/usr/local/cuda*/targets/x86_64-linux/lib',
  '/opt/cuda*/lib64',
  '/opt/conda/lib',
];

/** Folders that a pattern names. */
async function expand(pattern: string): Promise<string[]> {
  let folders = ['/'];
  for (const part of pattern.split('/').filter(Boolean)) {
    if (!part.endsWith('*')) folders = folders.map((folder) => path.join(folder, part));
    else {
      const names = await Promise.all(
        folders.map(async (folder) =>
          (await readdir(folder).catch(() => []))
            .filter((name) => name.startsWith(part.slice(0, -1)))
            .map((name) => path.join(folder, name)),
        ),
      );
      folders = names.flat();
    }
  }
  return folders;
}

/** A library that lies where CUDA usually does, but that the loader does not find. */
export async function findElsewhere(name: string, patterns: readonly string[] = usualFolders) {
  const folders = await Promise.all(patterns.map(expand));
  return inFolders(name, folders.flat());
}
