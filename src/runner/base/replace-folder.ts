/** Folders that are written whole or not at all, and replace an older one of their kind; behind a link, which stays. */
import { copyFile, link, mkdir, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { folderBehind } from './destination.js';
import { UserError } from './errors.js';
import {
  ensureWritableFolder,
  errorCode,
  fileError,
  isTemporaryFile,
  removeLeftovers,
  syncFolder,
  temporaryName,
  writeOwnFile,
} from './files.js';
import { isThere } from './is-there.js';

/** Where the older folder is while the new one takes its name: two renames, and a process may end between them. */
const placeOfOlder = (target: string): string => temporaryName(`${target}.replaced`);

/**
 * Brings a folder back that was being replaced when its process ended, and removes what such a process has left of an older one, and of a
 * new one.
 *
 * @returns whether it was brought back
 * @throws UserError when that can't be done
 */
export async function recoverFolder(folder: string): Promise<boolean> {
  const target = await folderBehind(folder);
  await removeLeftovers(target);
  const [parent, start] = [path.dirname(target), `${path.basename(target)}.replaced.`];
  const names = await readdir(parent).catch(() => []);
  const older = names
    .filter((name) => name.startsWith(start) && isTemporaryFile(name))
    .map((name) => path.join(parent, name));
  if (older.length === 0) return false;
  try {
    const isLost = !(await isThere(target));
    if (isLost) {
      await rename(older.shift()!, target);
      await syncFolder(parent);
    }
    for (const left of older) await rm(left, { recursive: true, force: true });
    return isLost;
  } catch (error) {
    throw fileError(`can't bring back the folder ${folder}`, error);
  }
}

/**
 * A name for a folder that is to take the name of `folder`: beside it, on the same disk.
 *
 * @throws UserError as `folderBehind`
 */
export const nameBeside = async (folder: string): Promise<string> => temporaryName(await folderBehind(folder));

/**
 * Lets a prepared folder beside `folder` take its name, and removes the one that had it.
 *
 * @throws the operating system's error; what was there has its name then
 */
export async function swapFolder(fresh: string, folder: string): Promise<void> {
  const target = await folderBehind(folder);
  const older = placeOfOlder(target);
  const hadOlder = await rename(target, older).then(
    () => true,
    (error: unknown) => {
      if (errorCode(error) === 'ENOENT') return false;
      throw error;
    },
  );
  await rename(fresh, target).catch(async (error: unknown) => {
    if (hadOlder) await rename(older, target);
    throw error;
  });
  await syncFolder(path.dirname(target));
  await rm(older, { recursive: true, force: true });
}

/** Gives all files of a folder a second name in another one, which is made; copies where the file system has no hard links. */
export async function linkFolder(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [old, made] = [path.join(from, entry.name), path.join(to, entry.name)];
    if (entry.isDirectory()) await linkFolder(old, made);
    else if (entry.isFile()) await link(old, made).catch(() => copyFile(old, made));
  }
}

/**
 * Makes sure that a folder may be written to and that nothing else is lost by replacing it.
 *
 * @param known what folders of this kind hold
 * @throws UserError when the folder beside it can't be written to, or it holds other things
 */
export async function requireReplaceable(folder: string, known: readonly string[]): Promise<void> {
  await recoverFolder(folder);
  const names = await readdir(folder).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return [];
    throw fileError(`can't write the folder ${folder}`, error);
  });
  const other = names.find((name) => !known.includes(name));
  if (other !== undefined) {
    throw new UserError(
      `${folder} holds other things (${other}), which would be lost. Give a folder of its own, ` +
        `such as ${path.join(folder, 'gallery')}.`,
    );
  }
  await ensureWritableFolder(path.dirname(await folderBehind(folder)));
}

/**
 * Writes files into a new folder beside `folder`, then lets it take that name.
 *
 * @param files by their paths within the folder, with slashes
 * @throws UserError naming the path and the reason; what was there stays as it was
 */
export async function writeFolder(folder: string, files: ReadonlyMap<string, Uint8Array>): Promise<void> {
  const target = await folderBehind(folder);
  const fresh = temporaryName(target);
  try {
    for (const [name, content] of files) {
      const file = path.join(fresh, name);
      await mkdir(path.dirname(file), { recursive: true });
      await writeOwnFile(file, content);
    }
    await swapFolder(fresh, target);
  } catch (error) {
    throw fileError(`can't write the folder ${folder}`, error);
  } finally {
    await rm(fresh, { recursive: true, force: true }).catch(() => undefined);
  }
}
