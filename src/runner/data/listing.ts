/** What lies in folders: images, by their names or first bytes, and what is passed over. */
import type { Dirent } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '../base/errors.js';
import { errorCode, fileError } from '../base/files.js';
import { printableName } from '../base/printable-name.js';
import { BadImageError, readImageBytes } from './image-file.js';
import { formatByName, formatOf, sniffedBytes } from './image-formats.js';
import type { PassedOver } from './passed-over.js';
import { hidden, isHiddenName, leadsBack, notAnImage, ofOtherFormat } from './passed-over.js';

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

/** Codes of links that lead nowhere, or where nobody may look. */
const leadNowhere = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG', 'EACCES']);

/** Whether an entry of `folder` is a folder, or a link to one. @throws UserError for an error of the disk */
export async function isFolder(entry: Dirent, folder: string): Promise<boolean> {
  if (!entry.isSymbolicLink()) return entry.isDirectory();
  const target = path.join(folder, entry.name);
  try {
    return (await stat(target)).isDirectory();
  } catch (error) {
    if (leadNowhere.has(errorCode(error) ?? '')) return false;
    throw fileError(`can't read ${printableName(target)}`, error);
  }
}

/** Endings of files that lie beside images and are none: their bytes are not looked at. */
const otherEndings = new Set(
  'txt csv tsv json jsonl xml html htm md yaml yml toml ini cfg log db sqlite py ipynb m mat npy npz pkl pt pth onnx zip tar gz tgz bz2 xz 7z rar mp4 mov avi mkv webm mp3 wav doc docx xls xlsx ppt pptx sh bat exe'.split(
    ' ',
  ),
);

/** The first bytes of a file; none of one that can't be read as one. */
async function firstBytes(file: string): Promise<Uint8Array> {
  try {
    return await readImageBytes(file, sniffedBytes);
  } catch (error) {
    if (error instanceof BadImageError) return new Uint8Array();
    throw error;
  }
}

/**
 * Why a file is passed over; nothing for one that is read as an image, or is one by its name and will be told when it can't be read.
 *
 * @throws UserError for an error of the disk
 */
export async function whyPassedOver(file: string): Promise<PassedOver | undefined> {
  const name = path.basename(file);
  const named = formatByName(name);
  if (named?.isRead) return undefined;
  if (named && !named.begins) return ofOtherFormat(file, named);
  if (!named && otherEndings.has(path.extname(name).slice(1).toLowerCase())) return notAnImage(file);
  const found = formatOf(await firstBytes(file)) ?? named;
  if (found?.isRead) return undefined;
  return found ? ofOtherFormat(file, found) : notAnImage(file);
}

/**
 * Whether a file is an image, or in a folder there is one at any depth. Links to folders are not followed, and folders that may not be
 * read hold none that anybody could use.
 *
 * @throws UserError for an error of the disk
 */
export async function holdsImage(entry: Dirent, folder: string): Promise<boolean> {
  const place = path.join(folder, entry.name);
  if (isHiddenName(entry.name)) return false;
  if (!entry.isDirectory()) return !(await isFolder(entry, folder)) && (await whyPassedOver(place)) === undefined;
  const entries = await readdir(place, { withFileTypes: true }).catch((error: unknown) => {
    if (leadNowhere.has(errorCode(error) ?? '')) return [];
    throw fileError(`can't read ${printableName(place)}`, error);
  });
  for (const inside of entries) {
    if (await holdsImage(inside, place)) return true;
  }
  return false;
}

export interface FoundImages {
  /** Paths below the folder, with `/` between names; by name in each folder, by code unit. */
  images: string[];
  passedOver: PassedOver[];
}

/**
 * Looks for images in a folder and in all folders inside of it; links are followed, but for those that lead back.
 *
 * @param name what an error calls the folder
 * @throws UserError when one of the folders cannot be read
 */
export async function findBelow(folder: string, name: string): Promise<FoundImages> {
  const found: FoundImages = { images: [], passedOver: [] };

  const walk = async (inside: string, called: string, above: readonly string[]): Promise<void> => {
    const here = path.join(folder, inside);
    const entries = await listFolder(here, called);
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const below = inside === '' ? entry.name : `${inside}/${entry.name}`;
      const place = path.join(folder, below);
      if (isHiddenName(entry.name)) {
        found.passedOver.push(hidden(place));
      } else if (await isFolder(entry, here)) {
        const real = entry.isSymbolicLink() ? await realpath(place) : path.join(above.at(-1)!, entry.name);
        if (above.includes(real)) found.passedOver.push(leadsBack(place));
        else await walk(below, `folder ${place}`, [...above, real]);
      } else {
        const why = await whyPassedOver(place);
        if (why) found.passedOver.push(why);
        else found.images.push(below);
      }
    }
  };
  await walk('', name, [await realpath(folder).catch(() => folder)]);
  return found;
}
