/** A shipped folder appears whole or not at all, and takes the place of none but an older one of its kind. */
import { lstat, mkdir, readdir, readlink, symlink } from 'node:fs/promises';
import path from 'node:path';
import { modelFolder } from '../../graph/artifacts/web-files.js';
import type { WebModelInfo } from '../../graph/artifacts/web-model.js';
import { webModelFile } from '../../graph/artifacts/web-model.js';
import { UserError } from '../base/errors.js';
import { errorCode, fileError, isTemporaryFile, readText } from '../base/files.js';
import { isThere } from '../base/is-there.js';
import { linkFolder, nameBeside, recoverFolder, swapFolder } from '../base/replace-folder.js';

/** Where `dws gallery` writes, inside of the folder. */
const galleryFolder = 'gallery';

/** All that a shipped folder holds. */
const ours = new Set([
  ...['README.md', webModelFile, 'config.json', 'preprocessor_config.json'],
  ...[modelFolder, galleryFolder],
]);

async function entriesOf(folder: string): Promise<string[] | undefined> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw fileError(`can't write to the folder ${folder}`, error);
  }
}

async function readInfo(file: string): Promise<Partial<WebModelInfo> | undefined> {
  try {
    return JSON.parse(await readText(file)) as Partial<WebModelInfo>;
  } catch {
    return undefined;
  }
}

/**
 * Brings back what an export or a gallery was replacing when its process ended.
 *
 * @throws UserError when that can't be done
 */
export async function recoverShipped(folder: string): Promise<void> {
  await recoverFolder(folder);
  await recoverFolder(path.join(folder, galleryFolder));
}

/**
 * Makes sure that a folder may be written: it is not there, is empty, or was written by an earlier export and holds
 * nothing else.
 *
 * @returns what the earlier export wrote about its model
 * @throws UserError when the folder is another one
 */
export async function requireReplaceable(folder: string): Promise<Partial<WebModelInfo> | undefined> {
  await recoverShipped(folder);
  const entries = await entriesOf(folder);
  if (!entries?.length) return undefined;
  const info = await readInfo(path.join(folder, webModelFile));
  if (info?.format !== 1) {
    throw new UserError(
      `${folder} is not empty, and holds no exported model (${webModelFile}). Choose another folder, or empty it first.`,
    );
  }
  const foreign = entries.filter((name) => !ours.has(name) && !isTemporaryFile(name));
  if (foreign.length > 0) {
    throw new UserError(
      `${folder} holds files that no export wrote, which would be lost: ${foreign.slice(0, 3).join(', ')}` +
        `${foreign.length > 3 ? ', ...' : ''}. Move them away, or choose another folder.`,
    );
  }
  return info;
}

/** A folder beside `folder` to prepare it in; remove it when anything fails. @throws UserError */
export async function makeStaging(folder: string): Promise<string> {
  const staging = await nameBeside(folder);
  try {
    await mkdir(path.join(staging, modelFolder), { recursive: true });
    return staging;
  } catch (error) {
    throw fileError(`can't create the folder ${folder}`, error);
  }
}

/** A link stays one: the new folder stands where the older one stood, so that it leads to the same place. */
async function keepFolder(from: string, to: string): Promise<void> {
  const isLink = (await lstat(from)).isSymbolicLink();
  await (isLink ? symlink(await readlink(from), to) : linkFolder(from, to));
}

/**
 * Puts a prepared folder in its place.
 *
 * @param keepGallery whether the older folder's gallery fits the new model; otherwise it goes with the older folder
 * @returns whether a gallery was dropped
 * @throws UserError when it can't be done; the older folder is in its place then
 */
export async function publish(staging: string, folder: string, keepGallery: boolean): Promise<boolean> {
  const gallery = path.join(folder, galleryFolder);
  try {
    const hasGallery = await isThere(gallery);
    // Before anything is renamed: a process that ends between two renames would lose it.
    if (hasGallery && keepGallery) await keepFolder(gallery, path.join(staging, galleryFolder));
    await swapFolder(staging, folder);
    return hasGallery && !keepGallery;
  } catch (error) {
    throw fileError(`can't write the folder ${folder}`, error);
  }
}
