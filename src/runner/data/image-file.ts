/**
 * The bytes of an image file. They are read before anything is decoded: a file that is rewritten meanwhile is a damaged image
 * then, where libvips, which maps files into memory, would end the process with SIGBUS.
 */
import { lstat, open } from 'node:fs/promises';
import { UserError } from '../base/errors.js';
import { errorCode, fileError } from '../base/files.js';
import { printableName } from '../base/printable-name.js';
import { readBytes, readWithoutWaiting } from '../base/reading.js';

/** A file that is no image, is damaged or cannot be read; `message` is `path: reason`, with the path made printable. */
export class BadImageError extends UserError {
  constructor(
    readonly path: string,
    readonly reason: string,
  ) {
    super(`${printableName(path)}: ${reason}`);
  }
}

/** 512 MiB: what one image may take of memory at once, as a file or decoded, so that four threads stay within 2 GiB each. */
export const limitWholeBytes = 2 ** 29;

const isLink = (path: string) =>
  lstat(path).then(
    (entry) => entry.isSymbolicLink(),
    () => false,
  );

const noFile = 'not a file: a folder, a pipe or a device';

/**
 * Why a file cannot be opened, by the operating system's code: what is the file's own fault. Any other code (EIO, EMFILE, ENOMEM,
 * ESTALE ...) tells of the disk, the network or the machine, and may be gone at the next try: no image is left out for it.
 */
const ownReasons: Record<string, string> = {
  EACCES: 'the file may not be read (permission denied)',
  EISDIR: noFile,
  ELOOP: 'the file is a link that leads back to itself',
  ENAMETOOLONG: 'the name of the file is too long',
  ENODEV: noFile,
  ENOENT: 'the file is missing',
  ENOTDIR: 'the file is missing',
  ENXIO: noFile,
  EPERM: 'the file may not be read (not permitted)',
};

async function openError(path: string, error: unknown): Promise<UserError> {
  const code = errorCode(error) ?? '';
  if (!Object.hasOwn(ownReasons, code)) return fileError(`can't read ${printableName(path)}`, error);
  // What Node.js writes for bytes that are no text.
  if (code === 'ENOENT' && path.includes('\ufffd')) {
    return new BadImageError(path, 'the name of the file is no UTF-8 text; rename it');
  }
  if (code === 'ENOENT' && (await isLink(path))) {
    return new BadImageError(path, 'the file is a link to nothing (missing target)');
  }
  return new BadImageError(path, ownReasons[code]!);
}

/**
 * Reads a file.
 *
 * @param most reads no more bytes; all of them unless given
 * @throws BadImageError for what is missing, may not be read, is no file, is empty or holds more than 512 MiB; UserError with its
 *   code for an error that is none of the file's own
 */
export async function readImageBytes(path: string, most = Infinity): Promise<Uint8Array> {
  try {
    const file = await open(path, readWithoutWaiting);
    try {
      const stats = await file.stat();
      if (!stats.isFile()) throw new BadImageError(path, noFile);
      if (stats.size === 0) throw new BadImageError(path, 'the file is empty (0 bytes)');
      if (stats.size > limitWholeBytes && most === Infinity) {
        const [size, limit] = [stats.size, limitWholeBytes].map((bytes) => Math.round(bytes / 1e6));
        throw new BadImageError(path, `the file of ${size} MB takes too much of memory at once, over ${limit} MB`);
      }
      return await readBytes(file, Math.min(stats.size, most));
    } finally {
      await file.close();
    }
  } catch (error) {
    throw error instanceof BadImageError ? error : await openError(path, error);
  }
}
