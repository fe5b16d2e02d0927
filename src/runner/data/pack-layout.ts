/**
 * The layout of a pack, a file of decoded images: a preamble of 4096 bytes, the pixels, the index.
 *
 * | bytes of the preamble | what |
 * | --- | --- |
 * | 0 to 11 | `\x89DWSPACK\r\n\x1a\n` |
 * | 12 to 15 | version of the format: 1 |
 * | 16 to 23 | where the pixels begin: 4096 |
 * | 24 to 31 | images that have pixels, n |
 * | 32 to 35 | their height and width, s |
 * | 40 to 47 | where the index begins: 4096 + n * s * s * 3 |
 * | 48 to 55 | bytes of the index, which ends the file |
 * | 56 to 87 | SHA-256 of the index |
 * | 88 to 119 | SHA-256 of the preamble without these 32 bytes |
 *
 * Numbers are unsigned, little-endian; all other bytes are 0. Pixels are RGB, uint8, [n, s, s, 3].
 */
import { createHash } from 'node:crypto';
import { UserError } from '../base/errors.js';
import { isSize } from '../base/sizes.js';
import { largestSize } from '../../graph/preprocessing.js';

export const packMagic = Buffer.from('\x89DWSPACK\r\n\x1a\n', 'latin1');
export const preambleBytes = 4096;
const version = 1;

/** 4 GiB: of some 20 million images. */
const mostIndexBytes = 2 ** 32;

const at = { version: 12, pixels: 16, images: 24, imageSize: 32, index: 40, indexBytes: 48, indexHash: 56, hash: 88 };
const hashBytes = 32;

/** What a preamble says. */
export interface PackLayout {
  /** Those with pixels. */
  images: number;
  /** Height and width, in pixels. */
  imageSize: number;
  indexBytes: number;
  /** SHA-256, 32 bytes. */
  indexHash: Uint8Array;
}

export const packedBytes = (imageSize: number): number => imageSize ** 2 * 3;

/** Where the pixels of an image begin, or behind the last one's the index. */
export const pixelsAt = (place: number, imageSize: number): number => preambleBytes + place * packedBytes(imageSize);

export const sha256Bytes = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

const ownHash = (preamble: Uint8Array): Buffer =>
  createHash('sha256')
    .update(preamble.subarray(0, at.hash))
    .update(preamble.subarray(at.hash + hashBytes))
    .digest();

export function encodePreamble({ images, imageSize, indexBytes, indexHash }: PackLayout): Uint8Array {
  const bytes = Buffer.alloc(preambleBytes);
  packMagic.copy(bytes);
  bytes.writeUInt32LE(version, at.version);
  bytes.writeBigUInt64LE(BigInt(preambleBytes), at.pixels);
  bytes.writeBigUInt64LE(BigInt(images), at.images);
  bytes.writeUInt32LE(imageSize, at.imageSize);
  bytes.writeBigUInt64LE(BigInt(pixelsAt(images, imageSize)), at.index);
  bytes.writeBigUInt64LE(BigInt(indexBytes), at.indexBytes);
  bytes.set(indexHash, at.indexHash);
  bytes.set(ownHash(bytes), at.hash);
  return bytes;
}

/** Of a pack that can't be used as it is. */
export const packError = (file: string, what: string): UserError =>
  new UserError(`the pack ${file} ${what}. Take another copy of the file, or pack the images again.`);

/**
 * @param preamble the first 4096 bytes of the file, or all that there are
 * @param size of the file
 * @throws UserError for another version's, for damage, and for sizes that are not the file's
 */
export function decodePreamble(preamble: Uint8Array, size: number, file: string): PackLayout {
  const bytes = Buffer.from(preamble.buffer, preamble.byteOffset, preamble.length);
  if (bytes.length < preambleBytes) throw packError(file, `is cut short: it ends after ${size} bytes`);
  const found = bytes.readUInt32LE(at.version);
  if (!ownHash(bytes).equals(bytes.subarray(at.hash, at.hash + hashBytes))) {
    throw packError(file, 'is damaged: the checksum of its first bytes is another one');
  }
  if (found !== version) {
    throw new UserError(
      `the pack ${file} is of format ${found}, and this version of dws reads ${version}: ` +
        `pack the images again with this one, or use the one that has packed them.`,
    );
  }
  const numberAt = (offset: number) => Number(bytes.readBigUInt64LE(offset));
  const [images, imageSize] = [numberAt(at.images), bytes.readUInt32LE(at.imageSize)];
  const [indexBytes, end] = [numberAt(at.indexBytes), pixelsAt(images, imageSize)];
  const isSound =
    [images, indexBytes, end].every(isSize) &&
    imageSize >= 1 &&
    imageSize <= largestSize &&
    indexBytes <= mostIndexBytes &&
    numberAt(at.pixels) === preambleBytes &&
    numberAt(at.index) === end;
  if (!isSound) throw packError(file, 'is damaged: it tells of sizes that no pack has');
  if (size < end + indexBytes) {
    throw packError(file, `is cut short: it has ${size} bytes in place of ${end + indexBytes}`);
  }
  if (size > end + indexBytes) {
    throw packError(file, `is damaged: it has ${size} bytes in place of ${end + indexBytes}`);
  }
  const indexHash = Uint8Array.from(bytes.subarray(at.indexHash, at.indexHash + hashBytes));
  return { images, imageSize, indexBytes, indexHash };
}
