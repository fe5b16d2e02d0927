/** From a file to the pixels that the network sees. */
import { access, constants, lstat, stat } from 'node:fs/promises';
import type { Metadata } from 'sharp';
import sharp from 'sharp';
import { UserError } from '../errors.js';
import { errorCode } from '../files.js';
import { printableName } from './printable-name.js';

/** How an image becomes a square: by ignoring its aspect, by cropping its middle, or by padding it with white. */
export type Resize = 'stretch' | 'cover' | 'contain';

const fits: Record<Resize, 'fill' | 'cover' | 'contain'> = { stretch: 'fill', cover: 'cover', contain: 'contain' };

const white = '#ffffff';

/** 268 megapixels (a square of 16383): larger ones are taken for decompression bombs. */
const limitInputPixels = 0x3fff ** 2;

/** Most images are decoded row by row; those that are not may take this many bytes, so that four threads stay within 2 GiB. */
const limitWholeBytes = 2 ** 29;

/** Formats whose decoders hold the whole image, whatever its size. */
const wholeFormats = new Set(['webp', 'heif', 'gif']);

// Decoding is parallel over images, one thread each; nothing is read twice, so that libvips's cache would only hold memory.
sharp.concurrency(1);
sharp.cache(false);

/** A file that is no image, is damaged or cannot be read; `message` is `path: reason`, with the path made printable. */
export class BadImageError extends UserError {
  constructor(
    readonly path: string,
    readonly reason: string,
  ) {
    super(`${printableName(path)}: ${reason}`);
  }
}

const isLink = (path: string) =>
  lstat(path).then(
    (entry) => entry.isSymbolicLink(),
    () => false,
  );

/** Why a file cannot be opened, by the operating system's code. */
const openReasons: Record<string, string> = {
  EACCES: 'the file may not be read (permission denied)',
  ELOOP: 'the file is a link that leads back to itself',
  ENAMETOOLONG: 'the name of the file is too long',
  ENOENT: 'the file is missing',
  ENOTDIR: 'the file is missing',
};

async function openReason(path: string, error: unknown): Promise<string> {
  const code = errorCode(error) ?? String(error);
  // What Node.js writes for bytes that are no text.
  if (code === 'ENOENT' && path.includes('\ufffd')) return 'the name of the file is no UTF-8 text; rename it';
  if (code === 'ENOENT' && (await isLink(path))) return 'the file is a link to nothing (missing target)';
  return openReasons[code] ?? `the file cannot be opened (${code})`;
}

/** A pipe or a device would be read for ever. @throws BadImageError for what is no readable file with bytes in it */
async function requireFile(path: string): Promise<void> {
  const file = await stat(path).catch(async (error: unknown) => {
    throw new BadImageError(path, await openReason(path, error));
  });
  if (!file.isFile()) throw new BadImageError(path, 'not a file: a folder, a pipe or a device');
  if (file.size === 0) throw new BadImageError(path, 'the file is empty (0 bytes)');
}

/** libvips reports everything that went wrong, a line each; the last one is the cause that stopped it. */
async function failureReason(path: string, error: unknown): Promise<string> {
  const refused = await access(path, constants.R_OK).catch((reason: unknown) => openReason(path, reason));
  if (refused !== undefined) return refused;
  const lines = String(error instanceof Error ? error.message : error).split('\n');
  const last = lines.findLast((line) => line.trim() !== '')?.trim() ?? '';
  // Threads share libvips's list of errors: another one may have emptied it.
  if (last === '' || last === 'Unknown error') return 'the file is damaged';
  return printableName(last.replace(path, 'the file').replace(/:$/, ''));
}

/** Bytes that an image takes at once while it is decoded; none for one that is decoded row by row. */
function wholeBytes(header: Metadata): number {
  const { width, height, channels, depth, format, isProgressive, orientation = 1 } = header;
  const isJpeg = format === 'jpeg';
  // A JPEG is turned after it was resized.
  const isWhole = isProgressive || wholeFormats.has(format) || (orientation > 1 && !isJpeg);
  if (!isWhole) return 0;
  // A progressive JPEG is held as coefficients of two bytes.
  const sampleBytes = isJpeg || depth !== 'uchar' ? 2 : 1;
  const samples = isJpeg && header.chromaSubsampling === '4:2:0' ? 1.5 : channels;
  return width * height * samples * sampleBytes;
}

/**
 * Reads the header of an image file, of any size.
 *
 * @throws BadImageError when there is none
 */
export async function readHeader(path: string): Promise<Metadata> {
  await requireFile(path);
  try {
    return await sharp(path, { limitInputPixels: false }).metadata();
  } catch (error) {
    throw new BadImageError(path, await failureReason(path, error));
  }
}

/**
 * Reads the header only, which tells a decompression bomb that `decodeImage` would take for a large image.
 *
 * @throws BadImageError when there is no header, or when the pixels would take more than 512 MiB at once
 */
export async function requireModest(path: string): Promise<void> {
  const header = await readHeader(path);
  const bytes = wholeBytes(header);
  if (bytes <= limitWholeBytes) return;
  const form = `${header.isProgressive ? 'progressive ' : ''}${header.format}`;
  throw new BadImageError(
    path,
    `${header.width} x ${header.height} pixels as ${form} take ${Math.round(bytes / 1e6)} MB of memory at once, ` +
      `over the limit of ${Math.round(limitWholeBytes / 1e6)} MB; save it smaller`,
  );
}

/**
 * Decodes the first frame of an image file: EXIF orientation applied, alpha flattened on white, any colour space and
 * bit depth converted to 8-bit sRGB, resized with a triangle filter (as PIL's and torchvision's bilinear does).
 *
 * @param size height and width of the result, in pixels
 * @returns RGB, uint8, [size, size, 3]
 * @throws BadImageError when the file is missing, no image, truncated or damaged, or has more than 268 megapixels
 */
export async function decodeImage(path: string, size: number, resize: Resize): Promise<Uint8Array> {
  await requireFile(path);
  try {
    const image = sharp(path, { autoOrient: true, failOn: 'error', limitInputPixels });
    // Else sharp decodes a JPEG at a half to an eighth of its size where it is resized to less than a quarter. The shipped model gets
    // whole images from a page, and has to see the same pixels. (CMYK would lose its profile.)
    const { format, space } = await image.metadata();
    if (format === 'jpeg' && space !== 'cmyk') image.pipelineColourspace('srgb');
    return await image
      .resize(size, size, { fit: fits[resize], kernel: 'linear', background: white, fastShrinkOnLoad: false })
      .flatten({ background: white })
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer();
  } catch (error) {
    throw new BadImageError(path, await failureReason(path, error));
  }
}

/** Mirrors an image [size, size, 3] left to right, in place. */
export function flipHorizontally(pixels: Uint8Array, size: number): void {
  for (let row = 0; row < size; row++) {
    let left = row * size * 3;
    let right = left + (size - 1) * 3;
    for (; left < right; left += 3, right -= 3) {
      for (let channel = 0; channel < 3; channel++) {
        const value = pixels[left + channel]!;
        pixels[left + channel] = pixels[right + channel]!;
        pixels[right + channel] = value;
      }
    }
  }
}
