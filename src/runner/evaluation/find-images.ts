/** Files and folders as a person names them -> image files. */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { imageExtensions } from '../data/image-formats.js';
import { isPackFile } from '../data/pack-file.js';
import { findBelow } from '../data/listing.js';
import type { PassedOver } from '../data/passed-over.js';
import { passedOverLines } from '../data/passed-over.js';
import { UserError } from '../base/errors.js';
import { fileError } from '../base/files.js';

/** @param onPassedOver hears what lies in a folder and is no image that can be read */
export type OnPassedOver = (folder: string, passedOver: readonly PassedOver[]) => void;

/**
 * Lists images: files as they are given, whatever their names, and those of folders, at any depth, by their endings, or by their
 * first bytes where these do not tell. In the order given, and by path in a folder.
 *
 * @throws UserError for a path that is not there, a pack, and a folder without any image
 */
export async function findImages(paths: readonly string[], onPassedOver?: OnPassedOver): Promise<string[]> {
  const images: string[] = [];
  for (const given of paths) {
    const found = await stat(given).catch((error: unknown) => {
      throw fileError(`can't read ${given}`, error);
    });
    if (!found.isDirectory()) {
      if (found.isFile() && (await isPackFile(given))) {
        throw new UserError(
          `${given} is a pack, of which single images are not taken. Give image files, or a folder of them.`,
        );
      }
      images.push(given);
      continue;
    }
    const { images: inside, passedOver } = await findBelow(given, `folder ${given}`);
    if (inside.length === 0) {
      const lines = passedOverLines(passedOver, given).map((line) => `\n  ${line}`);
      throw new UserError(
        `${given} holds no image (${imageExtensions.join(' ')}). Give image files, or a folder of them.` +
          (lines.length > 0 ? ` It holds:${lines.join('')}` : ''),
      );
    }
    for (const name of inside) images.push(path.join(given, name));
    if (passedOver.length > 0) onPassedOver?.(given, passedOver);
  }
  return images;
}
