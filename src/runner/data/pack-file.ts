/** A pack as it is opened: its index, checked, and the paths that its images have for the rest of the program. */
import type { BigIntStats } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { UserError } from '../base/errors.js';
import { fileError, openToRead } from '../base/files.js';
import { readBytes } from '../base/reading.js';
import type { Squares } from '../../graph/preprocessing.js';
import type { IndexedImage, PackedImage, PackedView, UnreadImage } from './pack-index.js';
import { decodeIndex, isPacked } from './pack-index.js';
import { decodePreamble, packError, packMagic, pixelsAt, preambleBytes, sha256Bytes } from './pack-layout.js';

/** An image of a pack, and the place of its pixels. */
export type PlacedImage = (PackedImage & { place: number }) | UnreadImage;

/** What tells whether a file is still the same. */
export type Stamp = Pick<BigIntStats, 'size' | 'mtimeNs' | 'ino'>;

export interface Pack {
  /** Absolute. */
  file: string;
  stamp: Stamp;
  squares: Squares;
  views: readonly PackedView[];
  listed: readonly IndexedImage[];
  /** By the path that it has in an `ImageSet`: the pack's, and behind it the one in the data's folder. */
  images: ReadonlyMap<string, PlacedImage>;
}

export const stampOf = async (file: FileHandle): Promise<Stamp> => {
  const { size, mtimeNs, ino } = await file.stat({ bigint: true });
  return { size, mtimeNs, ino };
};

export const isSameStamp = (a: Stamp, b: Stamp): boolean =>
  a.size === b.size && a.mtimeNs === b.mtimeNs && a.ino === b.ino;

/** Whether there is still the file that a pack was opened from. */
export const isUnchanged = ({ file, stamp }: Pack): Promise<boolean> =>
  stat(file, { bigint: true }).then(
    (now) => isSameStamp(now, stamp),
    () => false,
  );

/** Whether a file begins as packs do. @throws UserError when it can't be read */
export async function isPackFile(file: string): Promise<boolean> {
  const handle = await openToRead(file);
  try {
    return packMagic.equals(await readBytes(handle, packMagic.length));
  } catch (error) {
    throw fileError(`can't read ${file}`, error);
  } finally {
    await handle.close();
  }
}

/**
 * Opens a pack: reads and checks everything but the pixels.
 *
 * @param file absolute
 * @throws UserError for one that is damaged, cut short, of another version, or can't be read
 */
export async function openPack(file: string): Promise<Pack> {
  const handle = await openToRead(file);
  try {
    const stamp = await stampOf(handle);
    const layout = decodePreamble(await readBytes(handle, preambleBytes), Number(stamp.size), file);
    const { images: count, imageSize, indexBytes, indexHash } = layout;
    const bytes = await readBytes(handle, indexBytes, pixelsAt(count, imageSize));
    if (!sha256Bytes(bytes).equals(indexHash)) {
      throw packError(file, 'is damaged: the checksum of its index is another one');
    }
    const { squares, views, images: listed } = decodeIndex(bytes, file);
    if (squares.imageSize !== imageSize || listed.filter(isPacked).length !== count) {
      throw packError(file, 'is damaged: its index is of other images than its pixels');
    }
    const images = new Map<string, PlacedImage>();
    let place = 0;
    for (const image of listed) {
      images.set(path.join(file, image.path), isPacked(image) ? { ...image, place: place++ } : image);
    }
    return { file, stamp, squares, views, listed, images };
  } catch (error) {
    throw fileError(`can't read ${file}`, error);
  } finally {
    await handle.close();
  }
}

/** The options that tell of squares. */
const squareOptions = {
  imageSize: '--image-size',
  resizeTo: '--resize-to',
  resize: '--resize',
  filter: '--filter',
} as const satisfies Record<keyof Squares, string>;

/** As a loader is told of them. */
type WantedSquares = Pick<Squares, 'imageSize' | 'resize'> & Partial<Pick<Squares, 'resizeTo' | 'filter'>>;

/** @throws UserError that names what differs, where images are wanted in other squares than a pack holds */
export function requirePackedSquares({ file, squares }: Pack, given: WantedSquares): void {
  const { imageSize, resizeTo = imageSize, resize, filter = 'triangle' } = given;
  const wanted: Squares = { imageSize, resizeTo, resize, filter };
  const keys = (Object.keys(squareOptions) as (keyof Squares)[]).filter((key) => squares[key] !== wanted[key]);
  if (keys.length === 0) return;
  const said = (values: Squares) => keys.map((key) => `${squareOptions[key]} ${values[key]}`).join(' ');
  throw new UserError(
    `the pack ${file} holds images as ${said(squares)} makes them, and ${said(wanted)} is wanted here. ` +
      `Take the pack's ${keys.length > 1 ? 'options' : 'option'}, or pack the images again with ${said(wanted)}.`,
  );
}
