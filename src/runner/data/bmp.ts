/**
 * BMP as Windows and OS/2 write it: 1 to 32 bits a pixel, with a palette, bit masks or run lengths
 * (https://learn.microsoft.com/windows/win32/gdi/bitmap-storage). The packages that read BMP lose palettes, odd widths of 4 bits,
 * run lengths or the place of the pixels.
 */
import type { RawImage, RawSize } from './raw-image.js';
import { ImageDataError, requireRawSize, tooEarly } from './raw-image.js';

const fileHeaderBytes = 14;
const os2HeaderBytes = 12;
const infoHeaderBytes = 40;

/** Headers that hold bit masks themselves; in others, the masks follow. */
const masksInside = 52;
const alphaInside = 56;

const compressions = { none: 0, runs8: 1, runs4: 2, masks: 3, alphaMasks: 6 } as const;
const known: readonly number[] = Object.values(compressions);

interface Header extends RawSize {
  /** Bits a pixel. */
  bits: number;
  compression: number;
  isFromTop: boolean;
  /** Where the pixels begin. */
  start: number;
  /** [colours, 3], RGB. */
  palette: Uint8Array;
  /** Bits of red, green, blue and alpha. */
  masks: readonly number[];
}

/** 16 megapixels: a few bytes of run lengths, which need not even fill the image, may claim any number. */
const limitRuns = 2 ** 24;

/** What a file without masks means by them. */
const usualMasks: Record<number, readonly number[]> = {
  16: [0x7c00, 0x03e0, 0x001f, 0],
  24: [0xff0000, 0x00ff00, 0x0000ff, 0],
  32: [0xff0000, 0x00ff00, 0x0000ff, 0],
};

function readMasks(view: DataView, bits: number, compression: number, headerBytes: number): readonly number[] {
  const isMasked = compression === compressions.masks || compression === compressions.alphaMasks;
  if (!isMasked) return usualMasks[bits] ?? [];
  const hasAlpha = compression === compressions.alphaMasks || headerBytes >= alphaInside;
  const at = fileHeaderBytes + infoHeaderBytes;
  if (at + (hasAlpha ? 16 : 12) > view.byteLength) throw tooEarly();
  const masks = [0, 1, 2, 3].map((i) => (i < 3 || hasAlpha ? view.getUint32(at + 4 * i, true) : 0));
  if (bits !== 16 && bits !== 32) throw new ImageDataError(`it has bit masks for ${bits} bits a pixel`);
  return masks;
}

function readPalette(bytes: Uint8Array, at: number, colours: number, entryBytes: number): Uint8Array {
  if (at + colours * entryBytes > bytes.length) throw tooEarly();
  const palette = new Uint8Array(3 * colours);
  for (let i = 0; i < 3 * colours; i++) palette[i] = bytes[at + Math.floor(i / 3) * entryBytes + 2 - (i % 3)]!;
  return palette;
}

function readHeader(bytes: Uint8Array): Header {
  if (bytes.length < fileHeaderBytes + os2HeaderBytes) throw tooEarly();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerBytes = view.getUint32(fileHeaderBytes, true);
  const isOs2 = headerBytes === os2HeaderBytes;
  if (!isOs2 && (headerBytes < infoHeaderBytes || headerBytes > 1024)) {
    throw new ImageDataError(`its header of ${headerBytes} bytes is none that is known`);
  }
  if (bytes.length < fileHeaderBytes + headerBytes) throw tooEarly();
  const width = isOs2 ? view.getUint16(18, true) : view.getInt32(18, true);
  const rows = isOs2 ? view.getUint16(20, true) : view.getInt32(22, true);
  const bits = view.getUint16(isOs2 ? 24 : 28, true);
  const compression = isOs2 ? compressions.none : view.getUint32(30, true);
  if (![1, 4, 8, 16, 24, 32].includes(bits)) throw new ImageDataError(`it has ${bits} bits a pixel`);
  if (!known.includes(compression)) throw new ImageDataError(`its compression ${compression} is not read`);
  const isRuns = compression === compressions.runs8 || compression === compressions.runs4;
  if (isRuns && bits !== (compression === compressions.runs8 ? 8 : 4)) {
    throw new ImageDataError(`it has run lengths for ${bits} bits a pixel`);
  }
  const masks = readMasks(view, bits, compression, headerBytes);
  const size = { width, height: Math.abs(rows), channels: (masks[3] ?? 0) === 0 ? (3 as const) : (4 as const) };
  requireRawSize(size);

  if (isRuns && size.width * size.height > limitRuns) {
    throw new ImageDataError(
      `${size.width} x ${size.height} pixels in run lengths take too much of memory at once; save it without compression`,
    );
  }

  const given = isOs2 ? 0 : view.getUint32(46, true);
  const colours = bits > 8 ? 0 : Math.min(given || 2 ** bits, 2 ** bits);
  const isMasked = compression === compressions.masks || compression === compressions.alphaMasks;
  const maskBytes = isMasked && headerBytes < masksInside ? (compression === compressions.masks ? 12 : 16) : 0;
  const palette = readPalette(bytes, fileHeaderBytes + headerBytes + maskBytes, colours, isOs2 ? 3 : 4);
  return { ...size, bits, compression, isFromTop: rows < 0, start: view.getUint32(10, true), palette, masks };
}

/** Indices into the palette, [height, width] in the order of the file, out of run lengths; what is passed over is 0. */
function expandRuns({ width, height, bits, start }: Header, bytes: Uint8Array): Uint8Array {
  const pixels = new Uint8Array(width * height);
  let [at, x, y] = [start, 0, 0];
  const next = (): number => {
    if (at >= bytes.length) throw tooEarly();
    return bytes[at++]!;
  };
  const put = (index: number): void => {
    if (x < width && y < height) pixels[y * width + x] = index;
    x++;
  };
  const half = (byte: number, i: number) => (i % 2 === 0 ? byte >> 4 : byte & 15);
  while (y < height) {
    const [count, value] = [next(), next()];
    if (count > 0) {
      for (let i = 0; i < count; i++) put(bits === 8 ? value : half(value, i));
    } else if (value === 0) {
      [x, y] = [0, y + 1];
    } else if (value === 1) {
      break;
    } else if (value === 2) {
      [x, y] = [x + next(), y + next()];
    } else {
      const first = at;
      let byte = 0;
      for (let i = 0; i < value; i++) {
        if (bits === 8 || i % 2 === 0) byte = next();
        put(bits === 8 ? byte : half(byte, i));
      }
      // Such pixels end at an even place.
      at += (at - first) % 2;
    }
  }
  return pixels;
}

/** The value of a mask's bits in a pixel, as 0 to 255. */
function channelOf(mask: number): (pixel: number) => number {
  if (mask === 0) return () => 0;
  const unit = (mask & -mask) >>> 0;
  const most = Math.floor(mask / unit);
  return (pixel) => Math.min(255, Math.round((255 * Math.floor(((pixel & mask) >>> 0) / unit)) / most));
}

/** Row by row in the order of the file, as palette indices or whole pixels. */
function packedReader({ width, height, bits, start }: Header, bytes: Uint8Array): (x: number, row: number) => number {
  const rowBytes = 4 * Math.ceil((width * bits) / 32);
  // The last row's filling may be missing.
  if (start + rowBytes * (height - 1) + Math.ceil((width * bits) / 8) > bytes.length) throw tooEarly();
  const at = (row: number, place: number) => bytes[start + row * rowBytes + place]!;
  if (bits < 8) {
    const perByte = 8 / bits;
    return (x, row) => (at(row, Math.floor(x / perByte)) >> (bits * (perByte - 1 - (x % perByte)))) & (2 ** bits - 1);
  }
  const pixelBytes = bits / 8;
  return (x, row) => {
    let value = 0;
    for (let i = pixelBytes - 1; i >= 0; i--) value = 256 * value + at(row, pixelBytes * x + i);
    return value;
  };
}

/** @throws ImageDataError when there is no header */
export const bmpSize = (bytes: Uint8Array): RawSize => {
  const { width, height, channels } = readHeader(bytes);
  return { width, height, channels };
};

/** @throws ImageDataError when it is damaged, too large, or of a kind that is not read */
export function decodeBmp(bytes: Uint8Array): RawImage {
  const header = readHeader(bytes);
  const { width, height, channels, bits, compression, isFromTop, palette, masks } = header;
  const isRuns = compression === compressions.runs8 || compression === compressions.runs4;
  const runs = isRuns ? expandRuns(header, bytes) : undefined;
  const pixelAt = runs ? (x: number, row: number) => runs[row * width + x]! : packedReader(header, bytes);
  const parts = masks.slice(0, channels).map(channelOf);
  const data = new Uint8Array(width * height * channels);
  let place = 0;
  for (let y = 0; y < height; y++) {
    const row = isFromTop ? y : height - 1 - y;
    for (let x = 0; x < width; x++) {
      const pixel = pixelAt(x, row);
      if (bits <= 8 && 3 * pixel >= palette.length) throw new ImageDataError(`a pixel has colour ${pixel} of none`);
      for (let channel = 0; channel < channels; channel++) {
        data[place++] = bits <= 8 ? palette[3 * pixel + channel]! : parts[channel]!(pixel);
      }
    }
  }
  // Many programs write 0 for the alpha of opaque images.
  const isTransparent = channels === 4 && data.every((value, i) => i % 4 < 3 || value === 0);
  if (isTransparent) for (let i = 3; i < data.length; i += 4) data[i] = 255;
  return { width, height, channels, data };
}
