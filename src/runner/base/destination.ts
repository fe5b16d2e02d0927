/** Where an output really goes that a person has asked for: through links, and into what is no file. */
import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { open, readlink, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { errorCode, fileError } from './file-errors.js';

export interface Destination {
  /** The place at the end of all links. */
  target: string;
  /** Whether a file is to be made or replaced there; else something is written into. */
  isFile: boolean;
}

/** As Linux has it. */
const mostLinks = 40;

/** What stands for files that this process has open: a new file of that name would be no part of them. */
const isOpenFile = (name: string): boolean => /^\/(dev\/(fd\/|std(in|out|err)$)|proc\/)/.test(name);

const linkAt = (name: string): Promise<string | undefined> =>
  readlink(name).catch((error: unknown) => {
    // Neither there, nor a link.
    if (['ENOENT', 'EINVAL', 'ENOTDIR', 'UNKNOWN'].includes(errorCode(error) ?? '')) return undefined;
    throw error;
  });

/**
 * Follows links, also one that leads to a file which is not there yet.
 *
 * @throws the operating system's error, for links that lead in a circle or what may not be looked at
 */
export async function destinationOf(name: string): Promise<Destination> {
  let target = name;
  for (let followed = 0; ; followed++) {
    if (isOpenFile(path.resolve(target))) return { target, isFile: false };
    const next = await linkAt(target);
    if (next === undefined) break;
    if (followed === mostLinks) throw Object.assign(new Error('links that lead in a circle'), { code: 'ELOOP' });
    // A link's words count from where its folder really is.
    target = path.resolve(await realpath(path.dirname(target)), next);
  }
  const found = await stat(target).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  });
  // A folder fails as it always did, when it is to be replaced.
  return { target, isFile: found === undefined || found.isFile() || found.isDirectory() };
}

/**
 * Where a folder really is that is to be replaced: a rename takes the place of a link, and not of what it leads to.
 *
 * @throws UserError naming the path and the reason, as `destinationOf`
 */
export async function folderBehind(name: string): Promise<string> {
  try {
    return (await destinationOf(path.resolve(name))).target;
  } catch (error) {
    throw fileError(`can't write to the folder ${name}`, error);
  }
}

/**
 * Writes into a device or a pipe.
 *
 * @throws the operating system's error: ENXIO for a pipe that nothing reads from, which would be waited for without end
 */
export async function writeInto(target: string, write: (file: FileHandle) => Promise<void>): Promise<void> {
  const probe = await open(target, constants.O_WRONLY | constants.O_APPEND | (constants.O_NONBLOCK ?? 0));
  try {
    const file = await open(target, constants.O_WRONLY | constants.O_APPEND);
    try {
      await write(file);
    } finally {
      await file.close();
    }
  } finally {
    await probe.close();
  }
}
