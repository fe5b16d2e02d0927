/**
 * From a decoded image to the square that the network sees. What shrinks is shrunk by libvips. What grows is interpolated here: libvips's
 * `affine` ends up half a pixel of the result away from where PIL and torchvision have it (`[0, 100, 200, 50]` at twice the size as
 * `[0, 0, 50, 100, 150, 200, 125, 50]` instead of `[0, 25, 75, 125, 175, 163, 88, 50]`), and sharp offers no other.
 *
 * The shipped graphs do the same from the same pixels, see `src/graph/artifacts/resize.ts`.
 */
import type { Metadata, Sharp } from 'sharp';
import type { Resize, Squares } from '../../graph/preprocessing.js';
import { cutOff } from '../../graph/preprocessing.js';

const white = { css: '#ffffff', value: 255 };
const channels = 3;

/** PIL's fixed point: weights of both neighbors add up to it, and a byte times it is still an int32. */
const one = 2 ** 22;

interface Size {
  width: number;
  height: number;
}

/** One axis of an image that grows, on the way to the square. */
interface Axis {
  /** Of the image. */
  pixels: number;
  /** Of the image at its size in the square. */
  scaled: number;
  /** The place in the scaled image that the square's first pixel shows; below 0 where the image is padded. */
  first: number;
  /** The image's first pixel that counts, and how many from there on. */
  begin: number;
  kept: number;
}

/** sharp's and libvips's rules of rounding. */
const fits: Record<
  Resize,
  {
    fit: 'fill' | 'cover' | 'contain';
    /** Pixels of the image for one of the square, along an axis, from those of both. */
    factor: (own: number, other: number) => number;
    first: (scaled: number, size: number) => number;
  }
> = {
  stretch: { fit: 'fill', factor: (own) => own, first: () => 0 },
  cover: { fit: 'cover', factor: Math.min, first: (scaled, size) => Math.floor((scaled - size + 1) / 2) },
  contain: { fit: 'contain', factor: Math.max, first: (scaled, size) => -Math.floor((size - scaled) / 2) },
};

/** Where the values of a row's pixels come from: two places of the image, and how much the second weighs; none outside of the image. */
interface Source {
  at: number;
  next: number;
  share: number;
}

/** Where in the image the center of a place in the scaled image lies. */
const positionOf = (place: number, pixels: number, scaled: number) => ((place + 0.5) * pixels) / scaled - 0.5;

function sourcesOf({ pixels, scaled, first, begin, kept }: Axis, count: number): (Source | undefined)[] {
  const within = (pixel: number) => Math.min(Math.max(pixel - begin, 0), kept - 1);
  return Array.from({ length: count }, (_, i) => {
    const place = first + i;
    if (place < 0 || place >= scaled) return undefined;
    const position = positionOf(place, pixels, scaled);
    const at = Math.floor(position);
    return { at: within(at), next: within(at + 1), share: Math.floor((position - at) * one + 0.5) };
  });
}

/** Above so many pixels, only those that are seen are decoded: the middle of a strip that is cropped. Of others, all, so that damage shows. */
const mostWhole = 2 ** 24;

/** What the `size` places that are seen take of an axis. */
function seenOf(pixels: number, scaled: number, first: number, size: number): Pick<Axis, 'begin' | 'kept'> {
  const [from, to] = [Math.max(first, 0), Math.min(first + size, scaled) - 1];
  const begin = Math.max(0, Math.floor(positionOf(from, pixels, scaled)));
  const end = Math.min(pixels, Math.floor(positionOf(to, pixels, scaled)) + 2);
  return { begin, kept: end - begin };
}

const between = (a: number, b: number, share: number): number => (a * (one - share) + b * share + one / 2) >> 22;

/**
 * Interpolates columns, then rows, each rounded to bytes.
 *
 * @param pixels [rows.kept, columns.kept, 3]
 * @returns [size, size, 3]
 */
function enlarge(pixels: Uint8Array, columns: Axis, rows: Axis, size: number): Uint8Array {
  const across = sourcesOf(columns, size);
  const down = sourcesOf(rows, size);
  const [source, target] = [columns.kept * channels, size * channels];
  const wide = new Uint8Array(rows.kept * target).fill(white.value);
  for (let row = 0; row < rows.kept; row++) {
    for (const [column, from] of across.entries()) {
      if (!from) continue;
      const [a, b] = [row * source + from.at * channels, row * source + from.next * channels];
      const to = row * target + column * channels;
      for (let c = 0; c < channels; c++) wide[to + c] = between(pixels[a + c]!, pixels[b + c]!, from.share);
    }
  }
  const square = new Uint8Array(size * target).fill(white.value);
  for (const [row, from] of down.entries()) {
    if (!from) continue;
    const [a, b, to] = [from.at * target, from.next * target, row * target];
    for (let i = 0; i < target; i++) square[to + i] = between(wide[a + i]!, wide[b + i]!, from.share);
  }
  return square;
}

/** RGB, uint8, on white, in sRGB. */
const bytesOf = (image: Sharp) =>
  image
    .flatten({ background: white.css })
    .toColourspace('srgb')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });

/** The size of the square, or of its axis that shrinks where the other grows; undefined where nothing of it is left to libvips. */
function shrunkSize({ width, height }: Size, { resizeTo, resize }: Squares): Partial<Size> | undefined {
  const whole = { width: resizeTo, height: resizeTo };
  const [across, down] = [fits[resize].factor(width, height), fits[resize].factor(height, width)].map(
    (factor) => factor >= resizeTo,
  );
  if (across && down) return whole;
  if (!across && !down) return undefined;
  return across ? { ...whole, height } : { ...whole, width };
}

/**
 * @param image upright; not resized yet
 * @param header of the image
 * @returns RGB, uint8, [imageSize, imageSize, 3]
 */
export async function resizedPixels(image: Sharp, header: Metadata, squares: Squares): Promise<Uint8Array> {
  const { imageSize, resizeTo, resize, filter } = squares;
  const { fit, factor, first } = fits[resize];
  const start = cutOff(squares);
  const scaledBy = (size: Partial<Size>) =>
    image.resize({ ...size, fit, kernel: 'linear', background: white.css, fastShrinkOnLoad: false });
  const upright = { width: header.autoOrient.width, height: header.autoOrient.height };
  // A drawing is drawn at the size that is wanted.
  const isDrawing = header.format === 'svg' || filter === 'shifted';
  const shrunk = isDrawing ? { width: resizeTo, height: resizeTo } : shrunkSize(upright, squares);
  if (shrunk?.width === resizeTo && shrunk.height === resizeTo) {
    const square = scaledBy(shrunk);
    const middle = { left: start, top: start, width: imageSize, height: imageSize };
    return (await bytesOf(imageSize === resizeTo ? square : square.extract(middle))).data;
  }
  const small = shrunk ? { ...upright, ...shrunk } : upright;
  const isWhole = small.width * small.height <= mostWhole;
  const axis = (own: number, other: number): Axis => {
    const scaled = Math.max(1, Math.round((own * resizeTo) / factor(own, other)));
    const from = first(scaled, resizeTo) + start;
    const seen = isWhole ? { begin: 0, kept: own } : seenOf(own, scaled, from, imageSize);
    return { pixels: own, scaled, first: from, ...seen };
  };
  const [columns, rows] = [axis(small.width, small.height), axis(small.height, small.width)];
  const seen = { left: columns.begin, top: rows.begin, width: columns.kept, height: rows.kept };
  const scaled = shrunk ? scaledBy(shrunk) : image;
  const { data } = await bytesOf(isWhole ? scaled : scaled.extract(seen));
  return enlarge(data, columns, rows, imageSize);
}
