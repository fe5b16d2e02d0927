/** Small images of a gallery, side by side in sheets. */
import sharp from 'sharp';
import type { GalleryThumbs } from '../../graph/artifacts/gallery.js';
import type { Pack } from '../data/pack-file.js';
import { openPictures } from '../data/pictures.js';
import type { SearchHooks } from '../evaluation/neighbors.js';

/** Width and height that a sheet has at most: every browser decodes and draws it. */
const sheetPixels = 2048;

const quality = 82;

/** Copies a square image into a sheet of `columns` such squares a row. */
function placeThumb(sheet: Uint8Array, thumb: Uint8Array, place: number, size: number, columns: number): void {
  const rowBytes = size * 3;
  const left = (place % columns) * rowBytes;
  const top = Math.floor(place / columns) * size;
  for (let y = 0; y < size; y++) {
    sheet.set(thumb.subarray(y * rowBytes, (y + 1) * rowBytes), (top + y) * columns * rowBytes + left);
  }
}

export interface Sheets extends GalleryThumbs {
  /** WebP files, in the order of `sheets`. */
  files: Uint8Array[];
}

/**
 * @param paths image files, each shown whole on white; in `pack`, where there is one
 * @param size of a thumbnail, in pixels
 * @throws BadImageError for a file that can't be decoded; the signal's reason when it is aborted
 */
export async function makeSheets(
  paths: readonly string[],
  size: number,
  { workers, pack }: { workers: number; pack?: Pack },
  { onProgress, signal }: SearchHooks = {},
): Promise<Sheets> {
  const columns = Math.floor(sheetPixels / size);
  const rows = columns;
  const loader = openPictures(size, workers, pack);
  const sheets: string[] = [];
  const files: Uint8Array[] = [];
  try {
    for (let first = 0; first < paths.length; first += columns * rows) {
      signal?.throwIfAborted();
      const shown = paths.slice(first, first + columns * rows);
      const pixels = await loader.decode(shown);
      const [width, height] = [columns * size, Math.ceil(shown.length / columns) * size];
      const sheet = new Uint8Array(width * height * 3).fill(255);
      const thumbBytes = size * size * 3;
      for (let place = 0; place < shown.length; place++) {
        placeThumb(sheet, pixels.subarray(place * thumbBytes, (place + 1) * thumbBytes), place, size, columns);
      }
      const raw = { width, height, channels: 3 } as const;
      files.push(await sharp(sheet, { raw }).webp({ quality }).toBuffer());
      sheets.push(`thumbs/${sheets.length}.webp`);
      onProgress?.(first + shown.length, paths.length);
    }
  } finally {
    await loader.close();
  }
  return { size, columns, rows, sheets, files };
}
