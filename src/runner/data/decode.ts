/** From a file to the pixels that the network sees. */
import { stat } from 'node:fs/promises';
import sharp from 'sharp';
import { UserError } from '../errors.js';

/** How an image becomes a square: by ignoring its aspect, by cropping its middle, or by padding it with white. */
export type Resize = 'stretch' | 'cover' | 'contain';

const fits: Record<Resize, 'fill' | 'cover' | 'contain'> = { stretch: 'fill', cover: 'cover', contain: 'contain' };

const white = '#ffffff';

/** 268 megapixels (a square of 16383): larger ones are taken for decompression bombs. */
const limitInputPixels = 0x3fff ** 2;

// Decoding is parallel over images, one thread each; nothing is read twice, so that libvips's cache would only hold memory.
sharp.concurrency(1);
sharp.cache(false);

/** A file that is no image, is damaged or cannot be read; `message` is `path: reason`. */
export class BadImageError extends UserError {
  constructor(
    readonly path: string,
    readonly reason: string,
  ) {
    super(`${path}: ${reason}`);
  }
}

/** libvips reports everything that went wrong, a line each; the last one is the cause that stopped it. */
async function failureReason(path: string, error: unknown): Promise<string> {
  const size = await stat(path).then(
    (file) => file.size,
    () => undefined,
  );
  if (size === 0) return 'the file is empty (0 bytes)';
  const lines = String(error instanceof Error ? error.message : error).split('\n');
  return lines.findLast((line) => line.trim() !== '')?.trim() ?? 'unknown error';
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
  try {
    return await sharp(path, { autoOrient: true, failOn: 'error', limitInputPixels })
      .resize(size, size, { fit: fits[resize], kernel: 'linear', background: white })
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
