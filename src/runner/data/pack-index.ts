/**
 * The index of a pack, JSON Lines in UTF-8: what was done to the images and which belong to what, then a line for each image.
 * Paths are relative to the data's folder, with `/` between names.
 */
import path from 'node:path';
import type { Checked } from '../base/shape.js';
import {
  count,
  fields,
  flag,
  insidePath,
  listOf,
  number,
  oneOf,
  optional,
  sha256,
  ShapeError,
  text,
} from '../base/shape.js';
import type { Squares } from '../../graph/preprocessing.js';
import { isPreprocessing, preprocessingOf } from '../../graph/preprocessing.js';
import { packError } from './pack-layout.js';

/** Where no folder is between the data's and the images. */
const noFolder = '';
const inside = (value: unknown, where: string): string => (value === noFolder ? noFolder : insidePath(value, where));

const passedOver = fields({ path: insidePath, kind: text, reason: text, isHidden: optional(flag) });

const view = fields({
  /** A split of the data's own, or all of data that says nothing of validation. */
  name: oneOf('train', 'val', 'whole'),
  root: inside,
  classes: listOf(text),
  /** Places in the list of images, in the view's order. */
  images: listOf(count),
  /** A class for each. */
  labels: listOf(count),
  /** Where not every image is both: 1 for a query, 2 for one of the gallery, 3 for both. */
  roles: optional(listOf(count)),
  passedOver: optional(listOf(passedOver)),
});
export type PackedView = Checked<typeof view>;

const head = fields({
  squares: fields({ imageSize: count, resizeTo: count, resize: text, filter: text }),
  orientation: text,
  background: text,
  views: listOf(view),
});

const image = fields({
  path: insidePath,
  /** Of the file. */
  sha256: optional(sha256),
  /** Size of the file, and of the image in pixels, upright; what is unusual about it. */
  bytes: optional(count),
  width: optional(count),
  height: optional(count),
  unusual: optional(listOf(text)),
  /** CRC-32 of its pixels. */
  crc32: optional(number),
  /** Why it can't be read; then it has no pixels. */
  reason: optional(text),
});
type ImageLine = Checked<typeof image>;

/** An image that could be read: the one of `place` among those with pixels. */
export interface PackedImage {
  path: string;
  sha256: string;
  bytes: number;
  width: number;
  height: number;
  unusual: readonly string[];
  crc32: number;
}

/** One that could not. */
export interface UnreadImage {
  path: string;
  reason: string;
}

export type IndexedImage = PackedImage | UnreadImage;

export const isPacked = <Image extends IndexedImage>(image: Image): image is Exclude<Image, UnreadImage> =>
  !('reason' in image);

export interface IndexContent {
  squares: Squares;
  views: readonly PackedView[];
  images: readonly IndexedImage[];
}

/** Lines joined in pieces: a text of all may be longer than there can be. */
export function* encodeIndex({ squares, views, images }: IndexContent): Generator<Uint8Array> {
  const { orientation, background } = preprocessingOf({ imageSize: squares.imageSize });
  const { imageSize, resizeTo, resize, filter } = squares;
  const first = { squares: { imageSize, resizeTo, resize, filter }, orientation, background, views };
  for (const line of [first, ...images]) yield Buffer.from(`${JSON.stringify(line)}\n`);
}

const newline = 10;

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new ShapeError('it', '...', 'JSON in UTF-8');
  }
}

function* linesOf(bytes: Uint8Array): Generator<unknown> {
  for (let start = 0; start < bytes.length;) {
    const found = bytes.indexOf(newline, start);
    const end = found < 0 ? bytes.length : found;
    yield parseJson(bytes.subarray(start, end));
    start = end + 1;
  }
}

const isWithin = (name: string, folder: string) => folder === noFolder || name.startsWith(`${folder}/`);

/** Why a view is not one of these images, if it is not. */
function wrongView(
  { name, root, classes, images: places, labels, roles }: PackedView,
  images: readonly IndexedImage[],
) {
  const isWrong =
    labels.length !== places.length ||
    (roles !== undefined && (roles.length !== places.length || roles.some((role) => role < 1 || role > 3))) ||
    labels.some((label) => label >= classes.length) ||
    places.some((place) => place >= images.length || !isWithin(images[place]!.path, root));
  return isWrong ? `its ${name} names images or classes that there are not` : undefined;
}

function imageOf(line: ImageLine): IndexedImage {
  const { path: name, reason, sha256: hash, bytes, width, height, unusual = [], crc32 } = line;
  if (reason !== undefined) return { path: name, reason };
  for (const [key, value] of Object.entries({ sha256: hash, bytes, width, height, crc32 })) {
    if (value === undefined) throw new ShapeError(key, undefined, '');
  }
  return { path: name, sha256: hash!, bytes: bytes!, width: width!, height: height!, unusual, crc32: crc32! };
}

/**
 * @param file for the errors
 * @throws UserError for what is no index
 */
export function decodeIndex(bytes: Uint8Array, file: string): IndexContent {
  let line = 1;
  try {
    const images: IndexedImage[] = [];
    let first: Checked<typeof head> | undefined;
    for (const value of linesOf(bytes)) {
      if (first) images.push(imageOf(image(value, '')));
      else first = head(value, '');
      line++;
    }
    if (!first) throw new ShapeError('its first line', undefined, '');
    const { squares, orientation, background, views } = first;
    const whole = { ...preprocessingOf({ imageSize: squares.imageSize }), ...squares, orientation, background };
    if (!isPreprocessing(whole)) throw new ShapeError('squares', squares, 'what this version does to images');
    const names = new Set(images.map(({ path: name }) => name));
    const odd = images.find(({ path: name }) => path.posix.normalize(name) !== name);
    if (odd || names.size !== images.length)
      throw new ShapeError('path', odd?.path ?? 'two of one name', 'a plain path');
    const wrong = views.map((one) => wrongView(one, images)).find((each) => each !== undefined);
    if (wrong !== undefined || new Set(views.map(({ name }) => name)).size !== views.length) {
      throw packError(file, `is damaged: ${wrong ?? 'a split is there twice'}`);
    }
    const { imageSize, resizeTo, resize, filter } = whole;
    return { squares: { imageSize, resizeTo, resize, filter }, views, images };
  } catch (error) {
    if (error instanceof ShapeError) throw packError(file, `is damaged: line ${line} of its index: ${error.message}`);
    throw error;
  }
}
