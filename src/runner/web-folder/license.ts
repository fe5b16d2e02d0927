/** The licence that lies with images, for the model card of a folder that is made to be passed on. */
import { lstat, realpath } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '../base/errors.js';
import { readText } from '../base/files.js';
import { isThere } from '../base/is-there.js';
import { printableName } from '../base/printable-name.js';
import type { CardFacts } from './card.js';

/** Names under which licences lie with images, the first that is there. */
const names = ['LICENSES.md', 'LICENSE.md', 'LICENSE.txt', 'LICENSE'];

/** Far more than any licence has. */
const mostBytes = 2 ** 20;

/** Why a file is not to be passed on; undefined for one that may be. */
async function objection(file: string, folder: string): Promise<string | undefined> {
  const [real, root] = [await realpath(file).catch(() => undefined), await realpath(folder)];
  if (real === undefined) return 'is a link to nothing';
  const inside = path.relative(root, real);
  if (inside.split(path.sep)[0] === '..' || path.isAbsolute(inside))
    return 'is a link that leads out of the folder of the images';
  return undefined;
}

/**
 * The first licence of a folder of images. One that is a link out of that folder is not read: it may be anything.
 *
 * @returns the licence, if there is one, and what there is to say of those that are passed over
 */
export async function findLicense(dataPath: string): Promise<{ license?: CardFacts['license']; notes: string[] }> {
  const notes: string[] = [];
  for (const name of names) {
    const file = path.join(dataPath, name);
    if (!(await isThere(file, lstat))) continue;
    const wrong = await objection(file, dataPath);
    try {
      if (wrong === undefined) return { license: { file: name, text: await readText(file, mostBytes) }, notes };
      notes.push(`${printableName(file)} ${wrong}: it is not copied into the model card`);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      notes.push(`${error.message}; it is not copied into the model card`);
    }
  }
  return { notes };
}
