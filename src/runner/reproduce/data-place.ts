/** Where a run's images are, for who looks from another folder than the one that it was trained in. */
import { realpath } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '../base/errors.js';
import { isThere } from '../base/is-there.js';

/**
 * How a path that was given leads from a run's folder.
 *
 * @returns undefined for an absolute one, which leads there from anywhere
 */
export async function dataFromRun(dataPath: string, out: string): Promise<string | undefined> {
  if (path.isAbsolute(dataPath)) return undefined;
  return path.relative(await realpath(out), path.resolve(dataPath)) || '.';
}

/**
 * The images of a run as a path from the current folder: those that lie from the run's folder where they lay, or else those under the
 * name that was given.
 *
 * @param fromRun what `dataFromRun` returned
 */
export async function dataNow(dataPath: string, fromRun: string | undefined, folder: string): Promise<string> {
  if (fromRun === undefined) return dataPath;
  const place = path.resolve(await realpath(folder), fromRun);
  if (place === path.resolve(dataPath) || !(await isThere(place))) return dataPath;
  return path.relative(process.cwd(), place) || '.';
}

/**
 * For who takes a run's images from where the run had them.
 *
 * @throws UserError where nothing is there any more
 */
export async function requireRecordedData(dataPath: string): Promise<void> {
  if (await isThere(dataPath)) return;
  const place = path.resolve(dataPath);
  throw new UserError(
    `the data of the run, ${place}, is not there any more. If it was moved, say where with --data-path.`,
  );
}
