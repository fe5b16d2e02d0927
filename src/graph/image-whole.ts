/// <reference lib="dom" />
/**
 * Whether an image file is there to its end. Browsers show what has come of a file that is cut off, the rest of it gray; `dws embed` refuses
 * it, and so does a page. What follows an image's end is nobody's concern.
 */

interface Format {
  /** Text that the file begins with; a dot stands for any byte. */
  magic: RegExp;
  /** Whether the first image is whole. Beyond the file's end, numbers throw a RangeError, which says that it is not. */
  isWhole(view: DataView, bytes: Uint8Array): boolean | Promise<boolean>;
}

const marker = { rst0: 0xd0, rst7: 0xd7, soi: 0xd8, eoi: 0xd9, sos: 0xda, tem: 0x01 } as const;

/** Markers that no segment follows. */
const isBare = (code: number): boolean => code === marker.tem || (code >= marker.rst0 && code <= marker.soi);

/** The place after the next marker's code: 0xff, more of them, a code that is none of a stuffed or restarted scan's. */
function nextMarker(bytes: Uint8Array, from: number): number {
  let at = from;
  for (;;) {
    at = bytes.indexOf(0xff, at);
    if (at < 0) throw new RangeError('no marker');
    while (bytes[at] === 0xff) at++;
    const code = bytes[at++];
    if (code === undefined) throw new RangeError('no marker');
    if (code !== 0 && !isBare(code)) return at;
  }
}

/** ISO/IEC 10918-1, B.1: segments and scans up to the marker of the end. */
function isWholeJpeg(view: DataView, bytes: Uint8Array): boolean {
  let at = nextMarker(bytes, 2);
  while (bytes[at - 1] !== marker.eoi) at = nextMarker(bytes, at + view.getUint16(at));
  return true;
}

/** Whether a zlib stream, in parts, is there to its end. */
async function endsZlib(parts: Uint8Array<ArrayBuffer>[]): Promise<boolean> {
  const reader = new Blob(parts).stream().pipeThrough(new DecompressionStream('deflate')).getReader();
  try {
    while (!(await reader.read()).done);
    return true;
  } catch {
    return false;
  }
}

const latin1 = new TextDecoder('latin1');
const tagAt = (bytes: Uint8Array, at: number): string => latin1.decode(bytes.subarray(at, at + 4));

/** Chunks of length, type, data and CRC: the pixels are whole where another chunk comes after theirs, or their stream has ended. */
function isWholePng(view: DataView, bytes: Uint8Array): boolean | Promise<boolean> {
  const pixels: Uint8Array<ArrayBuffer>[] = [];
  for (let at = 8; at + 8 <= bytes.length;) {
    const length = view.getUint32(at);
    const isPixels = tagAt(bytes, at + 4) === 'IDAT';
    if (!isPixels && pixels.length > 0) return true;
    if (at + 12 + length > bytes.length) return false;
    if (isPixels) pixels.push(bytes.slice(at + 8, at + 8 + length));
    at += 12 + length;
  }
  return pixels.length > 0 && endsZlib(pixels);
}

/** Bytes of a color table that a GIF's packed field tells. */
const tableBytes = (packed: number): number => (packed & 0x80 ? 3 * 2 ** ((packed & 7) + 1) : 0);

/** The place after blocks of data, each behind its length, the last one empty. */
function afterBlocks(view: DataView, from: number): number {
  let at = from;
  for (let length = view.getUint8(at); length > 0; length = view.getUint8(at)) at += length + 1;
  return at + 1;
}

const gif = { image: 0x2c, extension: 0x21 } as const;

function isWholeGif(view: DataView): boolean {
  let at = 13 + tableBytes(view.getUint8(10));
  while (view.getUint8(at) === gif.extension) at = afterBlocks(view, at + 2);
  // Something else than GIF: not for here to say.
  if (view.getUint8(at) !== gif.image) return true;
  afterBlocks(view, at + 11 + tableBytes(view.getUint8(at + 9)));
  return true;
}

/** Whether run lengths lead to the bitmap's end, or to that of its last row. */
function endRuns(view: DataView, from: number, rows: number, bits: number): boolean {
  for (let at = from, row = 0; row < rows;) {
    const [count, value] = [view.getUint8(at), view.getUint8(at + 1)];
    at += 2;
    if (count > 0) continue;
    if (value === 0) row++;
    else if (value === 1) return true;
    else if (value === 2) {
      row += view.getUint8(at + 1);
      at += 2;
    } else at += 2 * Math.ceil((value * bits) / 16);
  }
  return true;
}

/** Rows of multiples of 4 bytes, of which the last one's filling may be missing. */
function isWholeBmp(view: DataView, bytes: Uint8Array): boolean {
  const isOs2 = view.getUint32(14, true) === 12;
  const width = isOs2 ? view.getUint16(18, true) : view.getInt32(18, true);
  const rows = isOs2 ? view.getUint16(20, true) : Math.abs(view.getInt32(22, true));
  const bits = view.getUint16(isOs2 ? 24 : 28, true);
  const compression = isOs2 ? 0 : view.getUint32(30, true);
  const start = view.getUint32(10, true);
  if (compression === 1 || compression === 2) return endRuns(view, start, rows, bits);
  const rowBytes = 4 * Math.ceil((width * bits) / 32);
  return start + rowBytes * (rows - 1) + Math.ceil((width * bits) / 8) <= bytes.length;
}

/** Boxes of a size and a type; 1 stands for a size of 64 bits behind them, 0 for all of the rest. */
function isWholeAvif(view: DataView, bytes: Uint8Array): boolean {
  let at = 0;
  let hasData = false;
  while (at < bytes.length) {
    const short = view.getUint32(at);
    const size = short === 1 ? Number(view.getBigUint64(at + 8)) : short;
    hasData ||= tagAt(bytes, at + 4) === 'mdat';
    if (size === 0) return true;
    // What follows is no box.
    if (size < 8) return hasData;
    at += size;
    if (hasData && at <= bytes.length) return true;
  }
  return false;
}

const formats: readonly Format[] = [
  { magic: /^\xff\xd8\xff/, isWhole: isWholeJpeg },
  { magic: /^\x89PNG\r\n.\n/s, isWhole: isWholePng },
  { magic: /^GIF8[79]a/, isWhole: isWholeGif },
  { magic: /^RIFF.{4}WEBP/s, isWhole: (view, bytes) => 8 + view.getUint32(4, true) <= bytes.length },
  { magic: /^BM.{4}\0{4}/s, isWhole: isWholeBmp },
  { magic: /^.{4}ftypavi[fs]/s, isWhole: isWholeAvif },
];

/**
 * Whether a file holds its first image to the end; of other formats than JPEG, PNG, GIF, WebP, BMP and AVIF nothing is known, and true.
 *
 * @param bytes of the whole file
 */
export async function isWholeImage(bytes: Uint8Array): Promise<boolean> {
  const start = Array.from(bytes.subarray(0, 16), (byte) => String.fromCharCode(byte)).join('');
  const format = formats.find(({ magic }) => magic.test(start));
  try {
    return !format || (await format.isWhole(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), bytes));
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}
