/** Images as a page sees them: decoded, and of their own size. */
import { readImageBytes } from '../data/image-file.js';
import { decodeError, openImage } from '../data/open-image.js';

export interface Pixels {
  /** RGB, uint8, [height, width, 3]. */
  data: Uint8Array;
  width: number;
  height: number;
}

/**
 * Decodes the first frame of an image file as `decodeImage` does, without resizing: EXIF orientation applied, alpha
 * flattened on white, 8-bit sRGB.
 *
 * @throws BadImageError when the file can't be decoded
 */
export async function decodeWhole(path: string): Promise<Pixels> {
  const bytes = await readImageBytes(path);
  try {
    const { data, info } = await openImage(path, bytes)
      .flatten({ background: '#ffffff' })
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    return { data, width: info.width, height: info.height };
  } catch (error) {
    throw await decodeError(path, error, bytes);
  }
}
