/** What the header of an image says of it. */
import type { Metadata } from 'sharp';
import sharp from 'sharp';
import { apart, mustGoApart } from './apart.js';
import { BadImageError, limitWholeBytes, readImageBytes } from './image-file.js';
import { mayBeSvg } from './image-formats.js';
import { decodeError, ownHeader } from './open-image.js';
import { requireModestSvg } from './svg.js';

export interface ImageHeader extends Pick<
  Metadata,
  'width' | 'height' | 'channels' | 'pages' | 'isProgressive' | 'orientation' | 'chromaSubsampling' | 'autoOrient'
> {
  /** As sharp calls it, also `bmp` and `ppm`. */
  format: string;
  space: string;
  depth: string;
}

/** Formats whose decoders hold the whole image, whatever its size. */
const wholeFormats = new Set(['webp', 'heif', 'gif', 'bmp', 'ppm']);

/** Bytes that an image takes at once while it is decoded; none for one that is decoded row by row. */
function wholeBytes(header: ImageHeader): number {
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
 * @param given the file's bytes, where they have been read
 * @throws BadImageError when there is none; UserError for an error that is none of the file's own
 */
export async function readHeader(path: string, given?: Uint8Array): Promise<ImageHeader> {
  const bytes = given ?? (await readImageBytes(path));
  const own = ownHeader(path, bytes);
  if (own) {
    const { width, height, channels } = own;
    const space = channels === 1 ? 'b-w' : 'srgb';
    return { ...own, space, depth: 'uchar', isProgressive: false, autoOrient: { width, height } };
  }
  if (mayBeSvg(bytes) && mustGoApart()) {
    await requireModestSvg(path, bytes);
    return (await apart(path, { name: 'header', args: [path] })) as ImageHeader;
  }
  try {
    return await sharp(bytes, { limitInputPixels: false }).metadata();
  } catch (error) {
    throw await decodeError(path, error, bytes);
  }
}

/**
 * Reads the header only, which tells a decompression bomb that `decodeImage` would take for a large image.
 *
 * @param given the file's bytes, where they have been read
 * @throws BadImageError when there is no header, or when the pixels would take more than 512 MiB at once
 */
export async function requireModest(path: string, given?: Uint8Array): Promise<void> {
  const header = await readHeader(path, given);
  const bytes = wholeBytes(header);
  if (bytes <= limitWholeBytes) return;
  const form = `${header.isProgressive ? 'progressive ' : ''}${header.format}`;
  throw new BadImageError(
    path,
    `${header.width} x ${header.height} pixels as ${form} take ${Math.round(bytes / 1e6)} MB of memory at once, ` +
      `over the limit of ${Math.round(limitWholeBytes / 1e6)} MB; save it smaller`,
  );
}
