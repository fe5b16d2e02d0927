/** Small images inside of a page. */
import sharp from 'sharp';
import type { Pack } from '../data/pack-file.js';
import { openPictures } from '../data/pictures.js';
import type { SearchHooks } from '../evaluation/neighbors.js';

const quality = 78;

export const webpUrl = (bytes: Uint8Array): string => `data:image/webp;base64,${Buffer.from(bytes).toString('base64')}`;

/** Images decoded at once. */
const atATime = 64;

/**
 * Data URLs of small images, each shown whole on white in a square.
 *
 * @param files that lie in `pack`, where there is one
 * @param size height and width in pixels
 * @throws BadImageError for a file that can't be decoded; the signal's reason when it is aborted
 */
export async function smallPictures(
  files: readonly string[],
  size: number,
  { workers, pack }: { workers: number; pack: Pack | undefined },
  { onProgress, signal }: SearchHooks = {},
): Promise<Map<string, string>> {
  const distinct = [...new Set(files)];
  const loader = openPictures(size, workers, pack);
  const urls = new Map<string, string>();
  try {
    for (let first = 0; first < distinct.length; first += atATime) {
      signal?.throwIfAborted();
      const some = distinct.slice(first, first + atATime);
      const pixels = await loader.decode(some);
      for (const [i, file] of some.entries()) {
        const raw = { width: size, height: size, channels: 3 } as const;
        const image = sharp(pixels.subarray(i * loader.imageBytes, (i + 1) * loader.imageBytes), { raw });
        urls.set(file, webpUrl(await image.webp({ quality }).toBuffer()));
      }
      onProgress?.(first + some.length, distinct.length);
    }
  } finally {
    await loader.close();
  }
  return urls;
}
