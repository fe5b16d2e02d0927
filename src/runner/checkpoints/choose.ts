/** A run's folder where a checkpoint is asked for. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../base/errors.js';
import { listSome } from '../base/list-some.js';
import { BEST, LAST, listFolder, prefixOf } from './names.js';

export const isFolder = (name: string): Promise<boolean> =>
  stat(name).then(
    (found) => found.isDirectory(),
    () => false,
  );

/**
 * What begins the names of the checkpoints in a folder.
 *
 * @throws UserError when there are several runs in it, of which none has no prefix
 */
export async function prefixIn(folder: string): Promise<string> {
  const prefixes = [...new Set((await listFolder(folder)).flatMap((name) => prefixOf(name) ?? []))].sort();
  if (prefixes.length <= 1 || prefixes.includes('')) return prefixes[0] ?? '';
  const runs = listSome(prefixes.map((prefix) => join(folder, prefix + LAST)));
  throw new UserError(`${folder} holds the checkpoints of several runs. Give one of them:\n${runs}`);
}

/**
 * A checkpoint by its name or by its run's folder, whose best one is taken, or else the last.
 *
 * @throws UserError when the folder holds none, or those of several runs
 */
export async function chooseCheckpoint(place: string): Promise<string> {
  if (!(await isFolder(place))) return place;
  const prefix = await prefixIn(place);
  const names = await listFolder(place);
  const found = [prefix + BEST, prefix + LAST].find((name) => names.includes(name));
  if (found !== undefined) return join(place, found);
  throw new UserError(`${place} holds no checkpoint: neither ${prefix}${BEST} nor ${prefix}${LAST} is there.`);
}
