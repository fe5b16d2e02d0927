/** What an SVG of a few bytes may hold: images of any size, packed. They are looked at before anything is drawn. */
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import sharp from 'sharp';
import { errorCode } from '../base/files.js';
import { BadImageError, limitWholeBytes } from './image-file.js';
import { isGzip } from './image-formats.js';

/** 64 MiB of text. */
const limitText = 2 ** 26;

/** Characters of base64 that hold the header of an image. */
const headerCharacters = 2 ** 16;

const embedded = /data:image\/(?!svg)[\w.+-]{1,40}[^,]{0,80},/gi;

async function textOf(path: string, bytes: Uint8Array): Promise<string> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!isGzip(bytes)) return buffer.toString('latin1');
  try {
    return (await promisify(gunzip)(buffer, { maxOutputLength: limitText })).toString('latin1');
  } catch (error) {
    if (errorCode(error) !== 'ERR_BUFFER_TOO_LARGE') return '';
    throw new BadImageError(path, `it unpacks to more than ${limitText / 2 ** 20} MiB of memory at once`);
  }
}

/** What is no image draws nothing. */
async function sizeOf(header: Uint8Array): Promise<{ width: number; height: number }> {
  const none = { width: 0, height: 0 };
  if (header.length === 0) return none;
  return sharp(header, { limitInputPixels: false })
    .metadata()
    .catch(() => none);
}

/**
 * @param bytes of an SVG, packed by gzip or not
 * @throws BadImageError when images inside of it have so many pixels that they would take more than 512 MiB at once
 */
export async function requireModestSvg(path: string, bytes: Uint8Array): Promise<void> {
  const text = await textOf(path, bytes);
  let total = 0;
  for (const { index, 0: start } of text.matchAll(embedded)) {
    const from = index + start.length;
    const header = Buffer.from(text.slice(from, from + headerCharacters), 'base64');
    const { width, height } = await sizeOf(header);
    total += 4 * width * height;
    if (total <= limitWholeBytes) continue;
    const megabytes = Math.round(total / 1e6);
    throw new BadImageError(
      path,
      `images inside of it, the last of ${width} x ${height} pixels, take ${megabytes} MB of memory at once, ` +
        `over the limit of ${Math.round(limitWholeBytes / 1e6)} MB; save it smaller`,
    );
  }
}
