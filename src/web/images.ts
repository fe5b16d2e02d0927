/// <reference lib="dom" />
/// <reference lib="dom.asynciterable" />
/** Anything that a page has for an image -> the pixels that the model takes. */
import { DwsWebError } from './errors.js';
import type { ImageSize } from './image-size.js';
import { headerBytes, imageSize, isCmykJpeg } from './image-size.js';
import { isWholeImage } from '../graph/image-whole.js';
import { absoluteUrl, fetchFile, readBody } from './load.js';
import { unreadFormat } from './unread-format.js';

/** RGBA, uint8, [height, width, 4], not premultiplied: what `ImageData` holds. */
export interface Pixels extends ImageSize {
  data: Uint8Array | Uint8ClampedArray;
}

/** A string is a URL. */
export type ImageSource =
  Blob | URL | string | Pixels | ImageData | ImageBitmap | HTMLImageElement | HTMLCanvasElement | OffscreenCanvas;

/** Larger images are refused: one of 50 megapixels takes 200 MB before it is resized. */
export const pixelLimit = 50e6;

/** Of an image file: as many as `dws embed` takes. */
const mostBytes = 2 ** 29;

/** @throws DwsWebError `too-large`, or `not-an-image` when it is empty */
function checkSize({ width, height }: ImageSize): void {
  if (!(width > 0 && height > 0)) throw new DwsWebError('not-an-image', 'The image is empty: it has no pixels.');
  if (width * height <= pixelLimit) return;
  const megapixels = Math.round((width * height) / 1e6);
  throw new DwsWebError(
    'too-large',
    `The image has ${megapixels} megapixels (${width} x ${height}); ${pixelLimit / 1e6} are the most. Make it smaller first.`,
  );
}

/** Lays pixels on white, as the training did. Opaque ones are given back as they are. */
function onWhite({ data, width, height }: Pixels): Pixels {
  let opaque = 255;
  for (let i = 3; i < data.length; i += 4) opaque &= data[i]!;
  if (opaque === 255) return { data, width, height };
  const blended = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i += 4) {
    const alpha = data[i + 3]!;
    for (let c = i; c < i + 3; c++) blended[c] = Math.round((data[c]! * alpha + 255 * (255 - alpha)) / 255);
    blended[i + 3] = 255;
  }
  return { data: blended, width, height };
}

/** Draws on white and reads the pixels back, in sRGB. */
function draw(image: CanvasImageSource, { width, height }: ImageSize): Pixels {
  checkSize({ width, height });
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true })!;
  context.fillStyle = '#fff';
  context.fillRect(0, 0, width, height);
  context.drawImage(image, 0, 0);
  try {
    return { data: context.getImageData(0, 0, width, height).data, width, height };
  } catch (error) {
    throw new DwsWebError(
      'not-an-image',
      "The image comes from another site that does not let this page read it. Fetch it with crossorigin='anonymous', or save it as a file.",
      { cause: error },
    );
  }
}

/** What a file that no browser decodes is, by its first bytes. */
const refusals: [RegExp, string][] = [
  [/^$/, 'The file is empty.'],
  [/^\s*<(\?xml|svg|!--)/, 'The file is an SVG drawing: show it in an <img> element, and give that.'],
];

async function decode(blob: Blob, start: Uint8Array): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(blob, { imageOrientation: 'from-image' });
  } catch (error) {
    const text = Array.from(start.subarray(0, 256), (byte) => String.fromCharCode(byte)).join('');
    const known = refusals.find(([pattern]) => pattern.test(text))?.[1];
    const name = (blob as Partial<File>).name;
    const format = unreadFormat(start);
    if (format !== undefined) {
      throw new DwsWebError(
        'format-not-read',
        `${name ?? 'The file'} is ${format}: this browser does not read the format. Save it as JPEG or PNG.`,
        { cause: error },
      );
    }
    throw new DwsWebError(
      'not-an-image',
      known ?? `${name ?? 'This'} is no image that this browser can read, or it is damaged.`,
      { cause: error },
    );
  }
}

/** Refuses what browsers decode otherwise than `dws embed`. @throws DwsWebError `not-an-image`, `too-large` */
async function checkFile(blob: Blob, start: Uint8Array): Promise<void> {
  const name = (blob as Partial<File>).name ?? 'The file';
  const stated = imageSize(start);
  if (stated) checkSize(stated);
  if (blob.size > mostBytes) {
    throw new DwsWebError(
      'too-large',
      `${name} has ${blob.size} bytes; ${mostBytes} are the most. Make it smaller first.`,
    );
  }
  if (isCmykJpeg(start)) {
    throw new DwsWebError(
      'not-an-image',
      `${name} is a JPEG in CMYK, whose colors browsers show otherwise than the model has learned them. Save it in RGB.`,
    );
  }
  if (await isWholeImage(new Uint8Array(await blob.arrayBuffer()))) return;
  throw new DwsWebError('not-an-image', `${name} is cut short: its end is missing. Copy or download it again.`);
}

/** EXIF orientation applied, color profiles converted to sRGB. */
async function readBlob(blob: Blob): Promise<Pixels> {
  const start = new Uint8Array(await blob.slice(0, headerBytes).arrayBuffer());
  await checkFile(blob, start);
  const bitmap = await decode(blob, start);
  try {
    return draw(bitmap, bitmap);
  } finally {
    bitmap.close();
  }
}

async function readUrl(url: URL): Promise<Pixels> {
  const response = await fetchFile(url, 'The image');
  const bytes = await readBody(response, 'The image', { bytes: mostBytes, code: 'too-large', by: 'an image may have' });
  return readBlob(new Blob([bytes], { type: response.headers.get('content-type') ?? '' }));
}

async function readElement(image: HTMLImageElement): Promise<Pixels> {
  await image.decode().catch((error: unknown) => {
    throw new DwsWebError('not-an-image', `The <img> shows no image: ${image.currentSrc}`, { cause: error });
  });
  return draw(image, { width: image.naturalWidth, height: image.naturalHeight });
}

const drawItself = (image: ImageBitmap | HTMLCanvasElement | OffscreenCanvas): Pixels => draw(image, image);

/** By the name of the class, which a worker or Node.js may not have. */
const readers: [string, (image: never) => Pixels | Promise<Pixels>][] = [
  ['Blob', readBlob],
  ['URL', readUrl],
  ['ImageBitmap', drawItself],
  ['HTMLImageElement', readElement],
  ['HTMLCanvasElement', drawItself],
  ['OffscreenCanvas', drawItself],
];

function readPixels(pixels: Pixels): Pixels {
  const { data, width, height } = pixels;
  checkSize(pixels);
  if (data.BYTES_PER_ELEMENT !== 1 || data.length !== width * height * 4) {
    throw new DwsWebError('not-an-image', `Pixels are RGBA, uint8: ${width} x ${height} need ${width * height * 4}.`);
  }
  return onWhite(pixels);
}

const hasPixels = (source: object): source is Pixels => ArrayBuffer.isView((source as Partial<Pixels>).data);

/**
 * Decodes an image: its first frame, upright, laid on white, in sRGB. In a worker as in a page; in Node.js, of pixels only.
 *
 * Files that `dws embed` refuses because they are cut short are refused here, as are JPEGs in CMYK, whose colors browsers show
 * otherwise. What an element, a canvas or a bitmap holds is taken as it is.
 *
 * @throws DwsWebError `not-an-image`; `format-not-read` for HEIC, TIFF and the like where the browser has no decoder; `too-large`
 *   above 50 megapixels, for PNG, JPEG, GIF, WebP and BMP files before they are decoded; `network` for a URL that can't be fetched
 */
export async function readImage(source: ImageSource): Promise<Pixels> {
  if (typeof source === 'string') return readUrl(absoluteUrl(source));
  const classes = globalThis as unknown as Record<string, (new () => unknown) | undefined>;
  const reader = readers.find(([name]) => classes[name] !== undefined && source instanceof classes[name]);
  if (reader) return reader[1](source as never);
  if (typeof source === 'object' && source !== null && hasPixels(source)) return readPixels(source);
  throw new DwsWebError('not-an-image', 'This is no image: give a file, a URL, an image element, a canvas or pixels.');
}
