/**
 * Writing files so that a reader, a crash or a full disk never meets half of one: a temporary file in the same folder,
 * synced, then renamed over the old one.
 */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { copyFile, link, mkdir, open, realpath, rename, rm, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { UserError } from './errors.js';

const REASONS: Record<string, string> = {
  EACCES: 'permission denied; change its permissions or choose another folder',
  EBUSY: 'it is in use by another program or is a mount point; choose another folder',
  EDQUOT: 'the disk quota is used up; free some space or choose another folder',
  EEXIST: 'a file of that name stands where a folder is needed; remove it or choose another folder',
  EFBIG: 'the file is larger than the file system or the limit of the shell (ulimit -f) allows; choose another folder',
  EISDIR: 'it is a folder, not a file; remove it or choose another name',
  EMFILE: 'too many open files; raise the limit (ulimit -n)',
  ENAMETOOLONG: 'the name is too long; choose a shorter one',
  ENOENT: 'no such file or folder; check the path',
  ENOSPC: 'the disk is full; free some space or choose another folder',
  ENOTDIR: 'part of the path is a file, not a folder; choose another folder',
  EPERM: 'the operating system does not permit it; choose another folder',
  EROFS: 'the file system is read-only; choose another folder',
};

/** The operating system's code of an error, for example `ENOSPC`, or undefined. */
export function errorCode(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return typeof code === 'string' ? code : undefined;
}

/** The operating system's code behind a `fileError`, or undefined. */
export const causeCode = (error: unknown): string | undefined =>
  error instanceof Error ? errorCode(error.cause) : undefined;

/**
 * Turns a failed file operation into an error for the person at the terminal. A UserError is returned as it is.
 *
 * @param action what failed, with the path: `can't write /runs/a/checkpoint.safetensors`
 */
export function fileError(action: string, error: unknown): UserError {
  if (error instanceof UserError) return error;
  const code = errorCode(error);
  const reason = code === undefined ? undefined : REASONS[code];
  const detail = error instanceof Error ? error.message : String(error);
  return new UserError(`${action}: ${reason === undefined ? detail : `${reason} (${code})`}`, { cause: error });
}

/** Marks the temporary files of this module, so that what a killed process left can be told from the user's files. */
const TEMPORARY = /\.[0-9a-f]{12}\.tmp$/;

export const isTemporaryFile = (name: string): boolean => TEMPORARY.test(name);

/** A name beside `path` that nothing has. */
export const temporaryName = (path: string): string => `${path}.${randomBytes(6).toString('hex')}.tmp`;

/** Bytes a single write: the system call takes less than 2 GiB, and between writes the event loop turns. */
const WRITE_BYTES = 64 * 2 ** 20;

async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let offset = 0; offset < chunk.length;) {
    const { bytesWritten } = await file.write(chunk, offset, Math.min(WRITE_BYTES, chunk.length - offset));
    offset += bytesWritten;
  }
}

/** Makes a rename in `folder` survive a power cut. Windows can't open folders, and its renames are journaled. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
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

/**
 * Writes a whole file, or leaves what was there: readers see the old content or the new, and after it returns the new
 * content is on the disk.
 *
 * @param content text (UTF-8), bytes, or chunks of bytes that are written one after the other
 * @throws UserError naming the path and the reason: full disk, missing permission, missing folder ...
 */
export async function writeFileAtomic(
  path: string,
  content: string | Uint8Array | Iterable<Uint8Array>,
): Promise<void> {
  const whole = typeof content === 'string' ? new TextEncoder().encode(content) : content;
  const chunks = whole instanceof Uint8Array ? [whole] : whole;
  await replaceFile(path, async (temporary) => {
    const file = await open(temporary, 'wx');
    try {
      for (const chunk of chunks) await writeAll(file, chunk);
      await file.sync();
    } finally {
      await file.close();
    }
  });
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

/** Bytes a single read, for the reasons of `WRITE_BYTES`. */
const READ_BYTES = 256 * 2 ** 20;

/**
 * Reads a whole file of any size into memory of its own (aligned for typed arrays; `readFile` ends at 2 GiB).
 *
 * @throws UserError naming the path and the reason
 */
export async function readWholeFile(path: string): Promise<Uint8Array> {
  try {
    const file = await open(path, 'r');
    try {
      const bytes = new Uint8Array((await file.stat()).size);
      let offset = 0;
      while (offset < bytes.length) {
        const { bytesRead } = await file.read(bytes, offset, Math.min(READ_BYTES, bytes.length - offset));
        if (bytesRead === 0) break;
        offset += bytesRead;
      }
      return bytes.subarray(0, offset);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw fileError(`can't read ${path}`, error);
  }
}

/** Creates a folder with its parents. On a read-only file system, Node.js says of that only that there is no such folder. */
async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
    let first = path;
    while (!existsSync(dirname(first))) first = dirname(first);
    await mkdir(first);
    throw error;
  }
}

/**
 * Creates a folder, with its parents, where there is none, and tries a write in it.
 *
 * @throws UserError naming the path and the reason when it can't be created or written to
 */
export async function ensureWritableFolder(path: string): Promise<void> {
  try {
    await makeFolder(path);
    const probe = temporaryName(`${path}/probe`);
    await (await open(probe, 'wx')).close();
    await unlink(probe);
  } catch (error) {
    throw fileError(`can't write to the folder ${path}`, error);
  }
}
