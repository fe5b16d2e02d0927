/**
 * Writing files so that a reader, a crash or a full disk never meets half of one: a temporary file in the same folder,
 * synced, then renamed over the old one.
 */
import { existsSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { copyFile, link, mkdir, open, realpath, rename, rm, rmdir, stat, unlink } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { destinationOf, writeInto } from './destination.js';
import { fileError } from './file-errors.js';
import { removeLeftovers, temporaryName } from './temporary-names.js';

export { causeCode, errorCode, fileError } from './file-errors.js';
export { openToRead, readText, readWholeFile } from './reading.js';
export { finalName, isTemporaryFile, removeLeftovers, temporaryName } from './temporary-names.js';

/** Bytes a single write: the system call takes less than 2 GiB, and between writes the event loop turns. */
const WRITE_BYTES = 64 * 2 ** 20;

/** Writes bytes where the file stands, all of them. */
export async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let offset = 0; offset < chunk.length;) {
    const { bytesWritten } = await file.write(chunk, offset, Math.min(WRITE_BYTES, chunk.length - offset));
    offset += bytesWritten;
  }
}

/** Makes what happened to names in `folder` survive a power cut. Windows can't open folders, and its renames are journaled. */
export const syncFolder = async (folder: string): Promise<void> =>
  process.platform === 'win32' ? undefined : syncPath(folder);

/** Waits until what a path names is on the disk. */
export async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Runs `fill` on a temporary name beside `path` and renames the result to `path`; the temporary name never stays. */
async function replaceFile(path: string, fill: (temporary: string) => Promise<void>): Promise<void> {
  const temporary = temporaryName(path);
  try {
    await fill(temporary);
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (error) {
    throw fileError(`can't write ${path}`, error);
  } finally {
    // Also after success: a rename between two names of one file leaves both.
    await rm(temporary, { force: true }).catch(() => undefined);
  }
}

/** Text (UTF-8), bytes, or chunks of bytes that are written one after the other. */
export type FileContent = string | Uint8Array | Iterable<Uint8Array>;

function chunksOf(content: FileContent): Iterable<Uint8Array> {
  const whole = typeof content === 'string' ? new TextEncoder().encode(content) : content;
  return whole instanceof Uint8Array ? [whole] : whole;
}

/** Makes a file that is not there yet, and waits until it is on the disk. */
async function makeFile(path: string, fill: (file: FileHandle) => Promise<void>): Promise<void> {
  const file = await open(path, 'wx');
  try {
    await fill(file);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function writeChunks(file: FileHandle, content: FileContent): Promise<void> {
  for (const chunk of chunksOf(content)) await writeAll(file, chunk);
}

/**
 * Writes a whole file in a folder of this program's, or leaves what was there: readers see the old content or the new, and after
 * it returns the new content is on the disk. Whatever has the name is replaced, a link as well: a folder that comes from elsewhere
 * leads no writing out of it.
 *
 * @param beforeRename called with the file when only its new name is missing; what it throws leaves the old content
 * @throws UserError naming the path and the reason: full disk, missing permission, missing folder ...
 */
export async function writeOwnFile(
  path: string,
  content: FileContent,
  beforeRename?: (temporary: string) => Promise<void>,
): Promise<void> {
  await replaceFile(path, async (temporary) => {
    await makeFile(temporary, (file) => writeChunks(file, content));
    await beforeRename?.(temporary);
  });
}

/**
 * Makes a file by `fill`, which may take long and go to and fro in it: it gets its name when it is whole, and leaves nothing before.
 *
 * @throws UserError naming the path and the reason; what `fill` throws when `signal` is aborted
 */
export async function writeFileBy(
  path: string,
  fill: (file: FileHandle) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  let stopped: unknown;
  try {
    await replaceFile(path, (temporary) =>
      makeFile(temporary, fill).catch((error: unknown) => {
        if (signal?.aborted) stopped = error;
        throw error;
      }),
    );
  } catch (error) {
    throw stopped ?? error;
  }
}

/**
 * Writes an output where a person has asked for it: like `writeOwnFile`, but where a link has the name, the file that it leads to
 * is replaced and the link stays, and what is no file (`/dev/null`, a pipe) is written into. What a killed process has left of it is
 * removed.
 *
 * @throws UserError naming the path and the reason
 */
export async function writeFileAtomic(path: string, content: FileContent): Promise<void> {
  try {
    const { target, isFile } = await destinationOf(path);
    if (isFile) {
      await removeLeftovers(target);
      await writeOwnFile(target, content);
    } else await writeInto(target, (file) => writeChunks(file, content));
  } catch (error) {
    throw fileError(`can't write ${path}`, error);
  }
}

/**
 * Makes sure that an output can be written, before the work that it is the end of.
 *
 * @throws UserError naming the path and the reason
 */
export async function ensureWritableFile(path: string): Promise<void> {
  const { target, isFile } = await destinationOf(path).catch((error: unknown) => {
    throw fileError(`can't write ${path}`, error);
  });
  if (isFile) await ensureWritableFolder(dirname(target));
}

/**
 * Gives a file that is already on the disk a second name, replacing what has it; a copy where the file system has no
 * hard links. Safe for files that are only ever replaced, never written to in place.
 *
 * @throws UserError naming the path and the reason
 */
export async function linkFileAtomic(from: string, to: string): Promise<void> {
  await replaceFile(to, async (temporary) => {
    try {
      await link(await realpath(from), temporary);
    } catch {
      await copyFile(from, temporary);
      const file = await open(temporary, 'r+');
      try {
        await file.sync();
      } finally {
        await file.close();
      }
    }
  });
}

/** Those folders of a path that are not there, the innermost first. */
export function missingFolders(path: string): string[] {
  const missing: string[] = [];
  for (let folder = resolve(path); !existsSync(folder); folder = dirname(folder)) missing.push(folder);
  return missing;
}

/**
 * Creates a folder with its parents, which a power cut does not take away again. One by one: where nothing can be made, as in /proc,
 * Node.js tries without end when it is to make parents too, and of a read-only file system says only that there is no such folder.
 *
 * @throws the operating system's error
 */
async function makeFolder(path: string): Promise<void> {
  const isFolder = (folder: string) =>
    stat(folder).then(
      (found) => found.isDirectory(),
      () => false,
    );
  if (await isFolder(path)) return;
  const missing = missingFolders(path);
  for (const folder of missing.length > 0 ? missing.reverse() : [path]) {
    try {
      await mkdir(folder);
    } catch (error) {
      // Somebody else may have made it meanwhile.
      if (!(await isFolder(folder))) throw error;
    }
    await syncFolder(dirname(folder));
  }
}

/** @throws UserError naming the path and the reason when it can't be created */
export async function ensureFolder(path: string): Promise<void> {
  await makeFolder(path).catch((error: unknown) => {
    throw fileError(`can't create the folder ${path}`, error);
  });
}

/**
 * Creates a folder, with its parents, where there is none, and tries a write in it.
 *
 * @throws UserError naming the path and the reason when it can't be created or written to
 */
export async function ensureWritableFolder(path: string): Promise<void> {
  try {
    await makeFolder(path);
    const name = `${path}/probe`;
    await removeLeftovers(name);
    const probe = temporaryName(name);
    await (await open(probe, 'wx')).close();
    await unlink(probe);
  } catch (error) {
    throw fileError(`can't write to the folder ${path}`, error);
  }
}

/**
 * Removes those folders that hold nothing: what somebody has put something into stays.
 *
 * @param folders the innermost first
 */
export async function removeEmpty(folders: readonly string[]): Promise<void> {
  for (const folder of folders) await rmdir(folder).catch(() => undefined);
}

/**
 * Makes sure that `ensureWritableFolder` would succeed, and leaves nothing of that.
 *
 * @throws UserError as `ensureWritableFolder`
 */
export async function tryWritableFolder(path: string): Promise<void> {
  const missing = missingFolders(path);
  await ensureWritableFolder(path).finally(() => removeEmpty(missing));
}

/**
 * Runs what ends in an output in a folder. Where it fails, the folders on the way there that it has made are gone again.
 *
 * @throws what `body` throws
 */
export async function makingFolder<T>(folder: string, body: () => Promise<T>): Promise<T> {
  const missing = missingFolders(folder);
  try {
    return await body();
  } catch (error) {
    await removeEmpty(missing);
    throw error;
  }
}
