/**
 * What files and folders are called until they are whole: `NAME.HEX.tmp`, in the same folder. The digits tell which process writes there, so
 * that what a killed one has left is known from what another one is still writing, and both from a person's files.
 */
import { randomBytes } from 'node:crypto';
import { readdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { livenessOfTag, tagOf, thisProcess } from './process-identity.js';

/** Twelve digits, of which nothing is known, are of versions before 0.5. */
const temporary = /\.(?:[0-9a-f]{12}|([0-9a-f]{24})[0-9a-f]{8})\.tmp$/;

/** What the file is to be called whose temporary name this is; undefined for other names. */
export const finalName = (name: string): string | undefined =>
  temporary.test(name) ? name.replace(temporary, '') : undefined;

export const isTemporaryFile = (name: string): boolean => temporary.test(name);

let own: string | undefined;

/** A name beside `path` that nothing has. */
export function temporaryName(path: string): string {
  own ??= tagOf(thisProcess());
  return `${path}.${own}${randomBytes(4).toString('hex')}.tmp`;
}

async function isLeft(file: string): Promise<boolean> {
  const tag = temporary.exec(file)?.[1];
  if (tag === undefined) return false;
  const found = await stat(file).catch(() => undefined);
  return found !== undefined && livenessOfTag(tag, found.mtimeMs) === 'gone';
}

/** Removes what processes have left under temporary names beside `target` that have ended since. What can't be removed stays: it is in nobody's way. */
export async function removeLeftovers(target: string): Promise<void> {
  const [folder, name] = [path.dirname(target), path.basename(target)];
  const names = await readdir(folder).catch(() => []);
  for (const left of names.filter((one) => finalName(one) === name).map((one) => path.join(folder, one))) {
    if (await isLeft(left)) await rm(left, { recursive: true, force: true }).catch(() => undefined);
  }
}
