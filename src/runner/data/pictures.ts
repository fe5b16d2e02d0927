/** Images as people are shown them: each whole, on white, in a small square. Of a pack, the square that the network sees, shrunk. */
import sharp from 'sharp';
import { ImageLoader } from './loader.js';
import type { Pack } from './pack-file.js';

/** Decodes pictures; to be closed. */
export type PictureLoader = Pick<ImageLoader, 'decode' | 'imageBytes' | 'close'>;

async function shrink(square: Uint8Array, from: number, to: number): Promise<Uint8Array> {
  const raw = { width: from, height: from, channels: 3 } as const;
  const { data } = await sharp(square, { raw })
    .resize(to, to, { kernel: 'linear' })
    .raw()
    .toBuffer({ resolveWithObject: true });
  return data;
}

function packedPictures(size: number, pack: Pack): PictureLoader {
  const squares = new ImageLoader({ ...pack.squares, workers: 0, cache: 'none', pack });
  const imageBytes = size ** 2 * 3;
  return {
    imageBytes,
    decode: async (paths) => {
      const pixels = new Uint8Array(paths.length * imageBytes);
      for (const [i, path] of paths.entries()) {
        const square = await squares.decode([path]);
        pixels.set(await shrink(square, pack.squares.imageSize, size), i * imageBytes);
      }
      return pixels;
    },
    close: () => squares.close(),
  };
}

/**
 * @param size height and width in pixels
 * @param pack that the images lie in, if they do
 */
export const openPictures = (size: number, workers: number, pack?: Pack): PictureLoader =>
  pack ? packedPictures(size, pack) : new ImageLoader({ imageSize: size, resize: 'contain', workers, cache: 'none' });
