import type { FileHandle } from 'node:fs/promises';
import { open, stat } from 'node:fs/promises';
import { UserError } from '../base/errors.js';
import { fileError } from '../base/files.js';

/** Bytes handed out one after the other. */
export interface ByteStream {
  /** Fills all of `target` with the next bytes. */
  fill(target: Uint8Array): Promise<void>;
  close(): void;
}

/** Bytes a single read: the system call takes less than 2 GiB, and between reads the event loop turns. */
const READ_BYTES = 256 * 2 ** 20;

/** A file that is read here and there, within the size it had when it was opened. */
export class RandomFile {
  private constructor(
    readonly path: string,
    readonly size: number,
    private readonly handle: FileHandle,
  ) {}

  /** @throws UserError when it can't be opened, or is no regular file (opening a pipe would wait forever) */
  static async open(path: string): Promise<RandomFile> {
    try {
      const stats = await stat(path);
      if (!stats.isFile()) throw new UserError(`can't read ${path}: it is not a file; give the path of a file`);
      const handle = await open(path, 'r');
      return new RandomFile(path, stats.size, handle);
    } catch (error) {
      throw fileError(`can't read ${path}`, error);
    }
  }

  /**
   * Fills `target` from `position` on.
   *
   * @throws UserError when the range leaves the file, or reading fails
   */
  async read(target: Uint8Array, position: number): Promise<void> {
    const cutShort = (): UserError =>
      new UserError(`${this.path} is cut short: it ends before byte ${position + target.length}. Take another copy.`);
    if (position + target.length > this.size) throw cutShort();
    try {
      for (let offset = 0; offset < target.length;) {
        const length = Math.min(READ_BYTES, target.length - offset);
        const { bytesRead } = await this.handle.read(target, offset, length, position + offset);
        if (bytesRead === 0) throw cutShort();
        offset += bytesRead;
      }
    } catch (error) {
      throw fileError(`can't read ${this.path}`, error);
    }
  }

  /** The first bytes of the file, at most `length` of them. */
  async head(length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(Math.min(length, this.size));
    await this.read(bytes, 0);
    return bytes;
  }

  stream(position: number): ByteStream {
    let next = position;
    return {
      fill: async (target) => {
        await this.read(target, next);
        next += target.length;
      },
      close: () => undefined,
    };
  }

  async close(): Promise<void> {
    await this.handle.close();
  }
}
