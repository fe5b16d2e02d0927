/** An image's bytes -> what sharp resizes: the formats that sharp reads, and those that pages of this project decode. */
import type { Sharp } from 'sharp';
import sharp from 'sharp';
import { isWholeImage } from '../../graph/image-whole.js';
import { UserError } from '../base/errors.js';
import { printableName } from '../base/printable-name.js';
import { bmpSize, decodeBmp } from './bmp.js';
import { BadImageError } from './image-file.js';
import { formatOf, notReadReason } from './image-formats.js';
import { decodePnm, pnmSize } from './pnm.js';
import type { RawImage, RawSize } from './raw-image.js';
import { ImageDataError } from './raw-image.js';

/** 268 megapixels (a square of 16383): larger ones are taken for decompression bombs. */
const limitInputPixels = 0x3fff ** 2;

/** On the clock: no image that is read row by row within the limits takes a tenth of it. */
const limitSeconds = 120;

// Decoding is parallel over images, one thread each; nothing is read twice, so that libvips's cache would only hold memory.
sharp.concurrency(1);
sharp.cache(false);

interface OwnFormat {
  size: (bytes: Uint8Array) => RawSize;
  decode: (bytes: Uint8Array) => RawImage;
}

/** By their names in the table of formats. */
const own: Record<string, OwnFormat> = {
  BMP: { size: bmpSize, decode: decodeBmp },
  PPM: { size: pnmSize, decode: decodePnm },
};

function attempt<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof ImageDataError) throw new BadImageError(path, error.message);
    throw error;
  }
}

/** The decoder of a format that is not sharp's, if it is one. @throws BadImageError for a format that is not read */
function ownFormat(path: string, bytes: Uint8Array): [name: string, format: OwnFormat] | undefined {
  const format = formatOf(bytes);
  if (format && !format.isRead) throw new BadImageError(path, `${format.name}, ${notReadReason}`);
  return format && Object.hasOwn(own, format.name) ? [format.name, own[format.name]!] : undefined;
}

/** What the header of an image says that a page of this project decodes; undefined for sharp's formats. @throws as `openImage` */
export function ownHeader(path: string, bytes: Uint8Array): (RawSize & { format: string }) | undefined {
  const found = ownFormat(path, bytes);
  return found && attempt(path, () => ({ ...found[1].size(bytes), format: found[0].toLowerCase() }));
}

/**
 * An image whose EXIF orientation will be applied, and that is refused where it is damaged.
 *
 * @param path for the errors
 * @param bytes of the whole file
 * @throws BadImageError for a format that is not read, or that is decoded at once and is damaged
 */
export function openImage(path: string, bytes: Uint8Array): Sharp {
  const found = ownFormat(path, bytes);
  const image = found
    ? rawImage(attempt(path, () => found[1].decode(bytes)))
    : sharp(bytes, { autoOrient: true, failOn: 'error', limitInputPixels });
  return image.timeout({ seconds: limitSeconds });
}

const rawImage = ({ data, ...raw }: RawImage): Sharp => sharp(data, { raw });

/** libvips and its decoders say so when the machine has no memory left, whatever the image. */
const outOfMemory = /out of memory|cannot allocate|can't allocate|unable to allocate|insufficient memory/i;

/** What sharp itself says of an image, before libvips decodes it. */
const ownWords = /unsupported image format|exceeds pixel limit/;

/**
 * The error for an image that libvips does not decode. Its own reasons are told to nobody: threads share one list of them, so that
 * one may meet another's, or none.
 *
 * @param bytes of the whole file
 */
export async function decodeError(path: string, error: unknown, bytes: Uint8Array): Promise<UserError> {
  if (error instanceof UserError) return error;
  const text = error instanceof Error ? error.message : String(error);
  if (outOfMemory.test(text)) {
    return new UserError(`can't read ${printableName(path)}: there is no memory left (ENOMEM). Lower --workers.`, {
      cause: error,
    });
  }
  if (/^timeout:/.test(text)) {
    return new BadImageError(path, `it takes longer than ${limitSeconds} s to decode; save it smaller`);
  }
  const own = text.split('\n').find((line) => ownWords.test(line));
  if (own !== undefined) return new BadImageError(path, printableName(own.trim()));
  return new BadImageError(path, (await isWholeImage(bytes)) ? 'the file is damaged' : 'the file is cut short');
}
