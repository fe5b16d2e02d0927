/** SVG drawings -> pixels: only an element of the page can draw them, no worker. */
import { DwsWebError } from 'dws/web';

/** Longer side in pixels. */
const SIZE = 512;

async function draw(drawing: Blob): Promise<Blob> {
  const image = new Image();
  const url = URL.createObjectURL(drawing);
  try {
    image.src = url;
    await image.decode();
    // A drawing without a size of its own is square.
    const [width, height] = [image.naturalWidth || SIZE, image.naturalHeight || SIZE];
    const scale = SIZE / Math.max(width, height);
    const canvas = new OffscreenCanvas(Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale)));
    canvas.getContext('2d')!.drawImage(image, 0, 0, canvas.width, canvas.height);
    return await canvas.convertToBlob();
  } catch (error) {
    throw new DwsWebError('not-an-image', 'The SVG drawing is damaged, or draws nothing.', { cause: error });
  } finally {
    URL.revokeObjectURL(url);
  }
}

/**
 * The image itself, or for a drawing one of its pixels.
 *
 * @throws DwsWebError `not-an-image` for a drawing that can't be drawn
 */
export const withPixels = (image: Blob): Promise<Blob> =>
  image.type === 'image/svg+xml' ? draw(image) : Promise.resolve(image);
