/** A shipped folder appears whole or not at all, and takes the place of none but an older one of its kind. */
import { mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { modelFolder } from '../../graph/web-files.js';
import type { WebModelInfo } from '../../graph/web-model.js';
import { webModelFile } from '../../graph/web-model.js';
import { UserError } from '../errors.js';
import { errorCode, fileError, temporaryName } from '../files.js';

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
    return JSON.parse(await readFile(file, 'utf8')) as Partial<WebModelInfo>;
  } catch {
    return undefined;
  }
}

/**
 * Makes sure that a folder may be written: it is not there, is empty, or was written by an earlier export and holds
 * nothing else.
 *
 * @returns what the earlier export wrote about its model
 * @throws UserError when the folder is another one
 */
export async function requireReplaceable(folder: string): Promise<Partial<WebModelInfo> | undefined> {
  const entries = await entriesOf(folder);
  if (!entries?.length) return undefined;
  const info = await readInfo(path.join(folder, webModelFile));
  if (info?.format !== 1) {
    throw new UserError(
      `${folder} is not empty, and holds no exported model (${webModelFile}). Choose another folder, or empty it first.`,
    );
  }
  const foreign = entries.filter((name) => !ours.has(name));
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
  const staging = temporaryName(path.resolve(folder));
  try {
    await mkdir(path.join(staging, modelFolder), { recursive: true });
    return staging;
  } catch (error) {
    throw fileError(`can't create the folder ${folder}`, error);
  }
}

const isThere = (file: string) =>
  stat(file).then(
    () => true,
    () => false,
  );

/**
 * Puts a prepared folder in its place.
 *
 * @param keepGallery whether the older folder's gallery fits the new model; otherwise it goes with the older folder
 * @returns whether a gallery was dropped
 * @throws UserError when it can't be done; the older folder is in its place then
 */
export async function publish(staging: string, folder: string, keepGallery: boolean): Promise<boolean> {
  const older = temporaryName(path.resolve(folder));
  const gallery = path.join(older, galleryFolder);
  try {
    const replaces = (await entriesOf(folder)) !== undefined;
    if (replaces) await rename(folder, older);
    try {
      await rename(staging, folder);
    } catch (error) {
      if (replaces) await rename(older, folder);
      throw error;
    }
    const hasGallery = await isThere(gallery);
    if (hasGallery && keepGallery) await rename(gallery, path.join(folder, galleryFolder));
    await rm(older, { recursive: true, force: true });
    return hasGallery && !keepGallery;
  } catch (error) {
    throw fileError(`can't write the folder ${folder}`, error);
  }
}
