/** From a file to the pixels that the network sees. */
import type { Squares } from '../../graph/preprocessing.js';
import { apart, mustGoApart } from './apart.js';
import { readImageBytes } from './image-file.js';
import { mayBeSvg } from './image-formats.js';
import { decodeError, openImage } from './open-image.js';
import { resizedPixels } from './resize.js';
import { requireModestSvg } from './svg.js';

/**
 * Decodes the first frame of an image file: EXIF orientation applied, alpha flattened on white, any colour space and
 * bit depth converted to 8-bit sRGB, resized as `squares` says.
 *
 * @param given the file's bytes, where they have been read
 * @returns RGB, uint8, [imageSize, imageSize, 3]
 * @throws BadImageError when the file is missing, no image, truncated or damaged, has more than 268 megapixels, or takes too much
 *   time or memory; UserError for an error that is none of the file's own
 */
export async function decodeImage(path: string, squares: Squares, given?: Uint8Array): Promise<Uint8Array> {
  const bytes = given ?? (await readImageBytes(path));
  if (mayBeSvg(bytes) && mustGoApart()) {
    await requireModestSvg(path, bytes);
    return (await apart(path, { name: 'decode', args: [path, squares] })) as Uint8Array;
  }
  try {
    const image = openImage(path, bytes);
    // Else sharp decodes a JPEG at a half to an eighth of its size where it is resized to less than a quarter. The shipped model gets
    // whole images from a page, and has to see the same pixels. (CMYK would lose its profile.)
    const header = await image.metadata();
    if (header.format === 'jpeg' && header.space !== 'cmyk') image.pipelineColourspace('srgb');
    return await resizedPixels(image, header, squares);
  } catch (error) {
    throw await decodeError(path, error, bytes);
  }
}
