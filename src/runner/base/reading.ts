/** Reading files that others name: a pipe or a device in a file's place is told at once, and never waited for. */
import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { open } from 'node:fs/promises';
import { UserError } from './errors.js';
import { fileError } from './file-errors.js';

/** How to open what may be no file: else a pipe would be waited for, until somebody writes into it. */
export const readWithoutWaiting = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/**
 * Opens a file for reading.
 *
 * @throws UserError naming the path and the reason; also for a folder, a pipe or a device
 */
export async function openToRead(path: string): Promise<FileHandle> {
  try {
    const file = await open(path, readWithoutWaiting);
    const stats = await file.stat();
    if (stats.isFile()) return file;
    await file.close();
    const found = stats.isDirectory() ? 'a folder' : 'a pipe or a device';
    throw new UserError(`can't read ${path}: it is ${found}, not a file; give the path of a file`);
  } catch (error) {
    throw fileError(`can't read ${path}`, error);
  }
}

/** Bytes a single read: the system call takes less than 2 GiB, and between reads the event loop turns. */
const READ_BYTES = 256 * 2 ** 20;

/** Bytes of a file in memory of their own: `length` of them from `position` on, or as many as there are. */
export async function readBytes(file: FileHandle, length: number, position = 0): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length);
  let offset = 0;
  while (offset < length) {
    const wanted = Math.min(READ_BYTES, length - offset);
    const { bytesRead } = await file.read(bytes, offset, wanted, position + offset);
    if (bytesRead === 0) break;
    offset += bytesRead;
  }
  return bytes.subarray(0, offset);
}

/**
 * Reads a whole file of any size into memory of its own (aligned for typed arrays; `readFile` ends at 2 GiB).
 *
 * @param mostBytes of a file that is not to be longer
 * @throws UserError naming the path and the reason
 */
export async function readWholeFile(path: string, mostBytes = Infinity): Promise<Uint8Array<ArrayBuffer>> {
  const file = await openToRead(path);
  try {
    const { size } = await file.stat();
    if (size > mostBytes) throw new UserError(`can't read ${path}: it has ${size} bytes, ${mostBytes} is the limit`);
    return await readBytes(file, size);
  } catch (error) {
    throw fileError(`can't read ${path}`, error);
  } finally {
    await file.close();
  }
}

/** A whole file of text (UTF-8). @throws UserError naming the path and the reason */
export const readText = async (path: string, mostBytes?: number): Promise<string> =>
  new TextDecoder().decode(await readWholeFile(path, mostBytes));
