/** Pixels of a pack, read where they lie into the memory that they are wanted in, and held to their checksums the first time. */
import type { FileHandle } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { forEachConcurrently } from '../base/concurrently.js';
import { UserError } from '../base/errors.js';
import { fileError, openToRead } from '../base/files.js';
import { printableName } from '../base/printable-name.js';
import type { PackedImage } from './pack-index.js';
import type { Pack } from './pack-file.js';
import { isSameStamp, stampOf } from './pack-file.js';
import { packError, packedBytes, pixelsAt } from './pack-layout.js';

type Placed = PackedImage & { place: number };

/** Images that lie beside each other, and are wanted so. */
interface Stretch {
  /** Where the first is among those that are wanted. */
  first: number;
  images: Placed[];
}

/** Bytes a read, at most but for one image. */
const readBytes = 4 * 2 ** 20;

/** As many as Node.js has threads for: checksums are taken meanwhile. */
const readsAtOnce = 4;

function stretchesOf(images: readonly Placed[], imageBytes: number): Stretch[] {
  const most = Math.max(1, Math.floor(readBytes / imageBytes));
  const stretches: Stretch[] = [];
  for (const [first, image] of images.entries()) {
    const last = stretches.at(-1);
    const isNext = last !== undefined && last.images.length < most && last.images.at(-1)!.place + 1 === image.place;
    if (isNext) last.images.push(image);
    else stretches.push({ first, images: [image] });
  }
  return stretches;
}

/** Reads one pack; to be closed. */
export class PackReader {
  readonly imageBytes: number;
  private opened: Promise<FileHandle> | undefined;
  /** 1 for what was held to its checksum: a quarter of the time that an image takes. By place. */
  private readonly isVerified: Uint8Array;

  constructor(private readonly pack: Pack) {
    this.imageBytes = packedBytes(pack.squares.imageSize);
    this.isVerified = new Uint8Array(pack.listed.length);
  }

  /**
   * @param images of the pack, in any order
   * @param out receives [images, imageSize, imageSize, 3]; may be longer
   * @throws UserError for pixels that are damaged, a file that has changed since its index was read, or can't be read
   */
  async read(images: readonly Placed[], out: Uint8Array): Promise<void> {
    const { imageBytes } = this;
    const file = await this.unchanged();
    await forEachConcurrently(stretchesOf(images, imageBytes), readsAtOnce, ({ first, images: some }) =>
      this.readStretch(file, some, out.subarray(first * imageBytes, (first + some.length) * imageBytes)),
    );
  }

  /** Reads images for their checksums alone. @throws as `read` */
  async verify(images: readonly Placed[]): Promise<void> {
    const file = await this.unchanged();
    const scratch = new Uint8Array(Math.max(readBytes, this.imageBytes));
    for (const { images: some } of stretchesOf(images, this.imageBytes)) {
      await this.readStretch(file, some, scratch.subarray(0, some.length * this.imageBytes));
    }
  }

  async close(): Promise<void> {
    const file = await this.opened?.catch(() => undefined);
    this.opened = undefined;
    await file?.close();
  }

  private async readStretch(file: FileHandle, images: readonly Placed[], target: Uint8Array): Promise<void> {
    const { pack, imageBytes } = this;
    const from = pixelsAt(images[0]!.place, pack.squares.imageSize);
    for (let done = 0; done < target.length;) {
      const { bytesRead } = await file.read(target, done, target.length - done, from + done).catch((error: unknown) => {
        throw fileError(`can't read ${pack.file}`, error);
      });
      if (bytesRead === 0) throw packError(pack.file, 'was cut short while it was read');
      done += bytesRead;
    }
    for (const [i, image] of images.entries()) {
      if (this.isVerified[image.place] === 1) continue;
      if (crc32(target.subarray(i * imageBytes, (i + 1) * imageBytes)) !== image.crc32) {
        throw packError(pack.file, `is damaged: the checksum of ${printableName(image.path)} is another one`);
      }
      this.isVerified[image.place] = 1;
    }
  }

  /** The file, which is the one whose index was read. */
  private async unchanged(): Promise<FileHandle> {
    this.opened ??= openToRead(this.pack.file);
    const file = await this.opened;
    if (isSameStamp(await stampOf(file), this.pack.stamp)) return file;
    throw new UserError(
      `the pack ${this.pack.file} was changed while it was in use. Put the one back that it was; a training then goes on with --resume auto.`,
    );
  }
}
