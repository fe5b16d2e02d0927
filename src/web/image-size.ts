/** Width and height of an image file from its first bytes, before anything is decoded. */

export interface ImageSize {
  width: number;
  height: number;
}

interface Format {
  /** Text at the places that tell the format; a dot stands for any byte. */
  magic: RegExp;
  size(view: DataView): ImageSize | undefined;
}

/** Markers of JPEG's frame headers, SOF0 to SOF15, without the three tables whose codes lie between them. */
const isFrame = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;

/** ISO/IEC 10918-1, B.1: markers 0xff XX, each but the bare ones followed by its segment's length. */
function jpegFrame(view: DataView): (ImageSize & { components: number }) | undefined {
  let at = 2;
  while (at + 10 <= view.byteLength) {
    if (view.getUint8(at) !== 0xff) return undefined;
    const marker = view.getUint8(at + 1);
    if (isFrame(marker)) {
      return { height: view.getUint16(at + 5), width: view.getUint16(at + 7), components: view.getUint8(at + 9) };
    }
    const isFill = marker === 0xff;
    at += isFill ? 1 : 2 + view.getUint16(at + 2);
  }
  return undefined;
}

function jpegSize(view: DataView): ImageSize | undefined {
  const frame = jpegFrame(view);
  return frame && { width: frame.width, height: frame.height };
}

/** 14 bits each, the upper two are a scaling hint. */
const lossyWebp = (view: DataView): ImageSize => ({
  width: view.getUint16(26, true) & 0x3fff,
  height: view.getUint16(28, true) & 0x3fff,
});

function losslessWebp(view: DataView): ImageSize {
  const bits = view.getUint32(21, true);
  return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
}

const extendedWebp = (view: DataView): ImageSize => ({
  width: (view.getUint32(24, true) & 0xffffff) + 1,
  height: (view.getUint32(26, true) >>> 8) + 1,
});

const formats: readonly Format[] = [
  {
    magic: /^\x89PNG\r\n.\n.{4}IHDR/s,
    size: (view) => ({ width: view.getUint32(16), height: view.getUint32(20) }),
  },
  { magic: /^\xff\xd8\xff/, size: jpegSize },
  {
    magic: /^GIF8[79]a/,
    size: (view) => ({ width: view.getUint16(6, true), height: view.getUint16(8, true) }),
  },
  { magic: /^RIFF.{4}WEBPVP8 /s, size: lossyWebp },
  { magic: /^RIFF.{4}WEBPVP8L/s, size: losslessWebp },
  { magic: /^RIFF.{4}WEBPVP8X/s, size: extendedWebp },
  {
    // A bottom-up bitmap has a positive height, a top-down one a negative.
    magic: /^BM.{12}[\x28-\x7c]/s,
    size: (view) => ({ width: view.getInt32(18, true), height: Math.abs(view.getInt32(22, true)) }),
  },
];

/** How much of a file `imageSize` wants to see: a JPEG's size comes after its EXIF, thumbnail and colour profile. */
export const headerBytes = 2 ** 20;

/** Whether a file is a JPEG of cyan, magenta, yellow and black, by its first `headerBytes`. */
export function isCmykJpeg(bytes: Uint8Array): boolean {
  const isJpeg = bytes[0] === 0xff && bytes[1] === 0xd8;
  return isJpeg && jpegFrame(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength))?.components === 4;
}

/**
 * @param bytes the first `headerBytes` of a file, or all of it
 * @returns undefined for formats that are not PNG, JPEG, GIF, WebP or BMP, and for headers that are cut short or say what can't be
 */
export function imageSize(bytes: Uint8Array): ImageSize | undefined {
  const start = Array.from(bytes.subarray(0, 32), (byte) => String.fromCharCode(byte)).join('');
  const format = formats.find(({ magic }) => magic.test(start));
  try {
    const size = format?.size(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    return size && size.width >= 0 ? size : undefined;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
