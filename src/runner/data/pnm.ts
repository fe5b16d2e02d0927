/** Netpbm's PBM, PGM and PPM, plain and raw: P1 to P6 (https://netpbm.sourceforge.net/doc/ppm.html). */
import type { RawImage, RawSize } from './raw-image.js';
import { ImageDataError, requireRawSize, tooEarly } from './raw-image.js';

const digit = (byte: number | undefined) => byte !== undefined && byte >= 0x30 && byte <= 0x39;
const blank = (byte: number | undefined) => byte === 0x20 || (byte !== undefined && byte >= 0x09 && byte <= 0x0d);

const hash = 0x23;
const newline = 0x0a;
const carriageReturn = 0x0d;

/** Takes numbers off the text of a file, and passes over comments between them. */
class Reader {
  place = 2;

  constructor(private readonly bytes: Uint8Array) {}

  private skip(): void {
    const { bytes } = this;
    for (;;) {
      while (blank(bytes[this.place])) this.place++;
      if (bytes[this.place] !== hash) return;
      while (this.place < bytes.length && ![newline, carriageReturn].includes(bytes[this.place]!)) this.place++;
    }
  }

  /** @throws ImageDataError when none follows */
  number(what: string): number {
    this.skip();
    let value = 0;
    const start = this.place;
    for (; digit(this.bytes[this.place]); this.place++) {
      value = Math.min(10 * value + this.bytes[this.place]! - 0x30, Number.MAX_SAFE_INTEGER / 16);
    }
    if (this.place > start) return value;
    throw this.place >= this.bytes.length ? tooEarly() : new ImageDataError(`it holds no ${what}`);
  }

  /** The digit of a plain bitmap: they need no blanks between them. */
  bit(): number {
    this.skip();
    const byte = this.bytes[this.place++];
    if (byte === 0x30 || byte === 0x31) return byte - 0x30;
    throw byte === undefined ? tooEarly() : new ImageDataError('a pixel is neither 0 nor 1');
  }
}

const mostMaximum = 65_535;

interface Header extends RawSize {
  kind: number;
  /** The value of full intensity; 1 in a bitmap, where it is black. */
  maximum: number;
  reader: Reader;
}

function readHeader(bytes: Uint8Array): Header {
  const kind = bytes[1]! - 0x30;
  const reader = new Reader(bytes);
  const [width, height] = [reader.number('width'), reader.number('height')];
  const isBitmap = kind === 1 || kind === 4;
  const maximum = isBitmap ? 1 : reader.number('highest value');
  if (maximum < 1 || maximum > mostMaximum) throw new ImageDataError(`its highest value is ${maximum}, not 1 to 65535`);
  const size = { width, height, channels: kind % 3 === 0 ? (3 as const) : (1 as const) };
  requireRawSize(size);
  return { ...size, kind, maximum, reader };
}

/** Reads the samples of a raw file; by their number, row by row. */
function rawReader({ kind, width, height, channels, maximum, reader }: Header, bytes: Uint8Array) {
  // One blank ends the header; what follows may look like one.
  if (!blank(bytes[reader.place])) throw new ImageDataError('its header does not end with a blank');
  const start = reader.place + 1;
  const sampleBytes = maximum > 255 ? 2 : 1;
  const rowBytes = kind === 4 ? Math.ceil(width / 8) : width * channels * sampleBytes;
  if (bytes.length - start < rowBytes * height) throw tooEarly();
  if (kind === 4) {
    return (i: number) => {
      const x = i % width;
      return (bytes[start + ((i - x) / width) * rowBytes + (x >> 3)]! >> (7 - (x & 7))) & 1;
    };
  }
  return sampleBytes === 1
    ? (i: number) => bytes[start + i]!
    : (i: number) => 256 * bytes[start + 2 * i]! + bytes[start + 2 * i + 1]!;
}

/** Reads the samples of a plain file, one after the other. */
function plainReader({ kind, width, height, channels, reader }: Header, bytes: Uint8Array) {
  if (bytes.length - reader.place < width * height * channels) throw tooEarly();
  return kind === 1 ? () => reader.bit() : () => reader.number('value of a pixel');
}

/** @throws ImageDataError when there is no header */
export const pnmSize = (bytes: Uint8Array): RawSize => {
  const { width, height, channels } = readHeader(bytes);
  return { width, height, channels };
};

/**
 * Decodes the first image of a file. Values are scaled to 0 to 255 and rounded; those above the highest one count as it.
 *
 * @throws ImageDataError when it is damaged or too large
 */
export function decodePnm(bytes: Uint8Array): RawImage {
  const header = readHeader(bytes);
  const { kind, width, height, channels, maximum } = header;
  const isBitmap = kind === 1 || kind === 4;
  const sample = kind > 3 ? rawReader(header, bytes) : plainReader(header, bytes);
  const data = new Uint8Array(width * height * channels);
  for (let i = 0; i < data.length; i++) {
    const value = Math.min(sample(i), maximum);
    data[i] = isBitmap ? 255 * (1 - value) : Math.round((255 * value) / maximum);
  }
  return { width, height, channels, data };
}
