/** Kinds of image files, told by their first bytes and by the endings of their names. */

export interface ImageFormat {
  /** For people. */
  name: string;
  /** Endings of names, in lower case, with their dot; the first is the usual one. */
  endings: readonly string[];
  /** Whether files of the format begin like this; formats without are told by their ending alone, whatever they hold. */
  begins?: (bytes: Uint8Array) => boolean;
  /** Whether images of the format can be used. */
  isRead: boolean;
}

/** As many bytes as `formatOf` looks at. */
export const sniffedBytes = 4096;

const latin1 = (bytes: Uint8Array, start: number, end: number): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1', start, end);

/** Bytes as a string of their code points, at a place. */
const at =
  (place: number, ...starts: string[]) =>
  (bytes: Uint8Array) =>
    starts.some((start) => latin1(bytes, place, place + start.length) === start);

const start = (...starts: string[]) => at(0, ...starts);

/** The brands of an ISO media file: its own, and those that it is compatible with. */
function brands(bytes: Uint8Array): string[] {
  if (!at(4, 'ftyp')(bytes)) return [];
  const end = Math.min(Buffer.from(bytes.subarray(0, 4)).readUInt32BE(0), 256, bytes.length);
  const places = Array.from({ length: Math.max(0, Math.floor((end - 8) / 4)) }, (_, i) => 8 + 4 * i);
  // After the own brand comes a version.
  return places.filter((place) => place !== 12).map((place) => latin1(bytes, place, place + 4));
}

const hasBrand =
  (...known: string[]) =>
  (bytes: Uint8Array) =>
    brands(bytes).some((brand) => known.includes(brand));

export const isGzip = start('\x1f\x8b');

const isSvgText = (bytes: Uint8Array) => latin1(bytes, 0, sniffedBytes).toLowerCase().includes('<svg');

/** By the names that sharp has for them, where it reads them. */
const read = {
  jpeg: { name: 'JPEG', endings: ['.jpg', '.jpeg', '.jpe', '.jfif'], begins: start('\xff\xd8\xff') },
  png: { name: 'PNG', endings: ['.png'], begins: start('\x89PNG\r\n\x1a\n') },
  webp: {
    name: 'WebP',
    endings: ['.webp'],
    begins: (bytes) => start('RIFF')(bytes) && at(8, 'WEBP')(bytes),
  },
  heif: { name: 'AVIF', endings: ['.avif'], begins: hasBrand('avif', 'avis') },
  tiff: { name: 'TIFF', endings: ['.tif', '.tiff'], begins: start('II*\0', 'MM\0*', 'II+\0', 'MM\0+') },
  gif: { name: 'GIF', endings: ['.gif'], begins: start('GIF87a', 'GIF89a') },
  svg: { name: 'SVG', endings: ['.svg', '.svgz', '.svg.gz'], begins: isSvgText },
  bmp: { name: 'BMP', endings: ['.bmp', '.dib'], begins: (bytes) => start('BM')(bytes) && at(6, '\0\0\0\0')(bytes) },
  ppm: {
    name: 'PPM',
    endings: ['.ppm', '.pgm', '.pbm', '.pnm'],
    begins: (bytes) => /^P[1-6][\s#]/.test(latin1(bytes, 0, 3)),
  },
} satisfies Record<string, Omit<ImageFormat, 'isRead'>>;

const notRead: readonly Omit<ImageFormat, 'isRead'>[] = [
  {
    name: 'HEIC',
    endings: ['.heic', '.heif', '.hif'],
    begins: hasBrand('heic', 'heix', 'heim', 'heis', 'hevc', 'hevx', 'hevm', 'hevs', 'mif1', 'msf1'),
  },
  {
    name: 'JPEG 2000',
    endings: ['.jp2', '.j2k', '.j2c', '.jpc', '.jpf', '.jpx', '.jpm'],
    begins: start('\0\0\0\x0cjP  ', '\xff\x4f\xff\x51'),
  },
  { name: 'JPEG XL', endings: ['.jxl'], begins: start('\xff\x0a', '\0\0\0\x0cJXL ') },
  { name: 'JPEG XR', endings: ['.jxr', '.wdp', '.hdp'], begins: start('II\xbc') },
  { name: 'Photoshop', endings: ['.psd', '.psb'], begins: start('8BPS') },
  { name: 'GIMP', endings: ['.xcf'], begins: start('gimp xcf') },
  { name: 'ICO', endings: ['.ico', '.cur'], begins: start('\0\0\x01\0') },
  { name: 'OpenEXR', endings: ['.exr'], begins: start('\x76\x2f\x31\x01') },
  { name: 'Radiance', endings: ['.hdr'], begins: start('#?RADIANCE', '#?RGBE') },
  { name: 'PAM or PFM', endings: ['.pam', '.pfm'], begins: start('P7\n', 'PF\n', 'Pf\n') },
  { name: 'DDS', endings: ['.dds'], begins: start('DDS ') },
  { name: 'QOI', endings: ['.qoi'], begins: start('qoif') },
  { name: 'DICOM', endings: ['.dcm'], begins: at(128, 'DICM') },
  { name: 'FITS', endings: ['.fits', '.fit', '.fts'], begins: start('SIMPLE  =') },
  { name: 'libvips', endings: ['.v', '.vips'], begins: start('\x08\xf2\xa6\xb6', '\xb6\xa6\xf2\x08') },
  { name: 'PDF', endings: ['.pdf'], begins: start('%PDF') },
  { name: 'TGA', endings: ['.tga'] },
  { name: 'PCX', endings: ['.pcx'] },
  // They begin as TIFF does, and would be read as the small picture inside.
  {
    name: 'camera raw',
    endings: ['.dng', '.cr2', '.cr3', '.crw', '.nef', '.nrw', '.arw', '.orf', '.rw2', '.raf', '.pef', '.srw'],
  },
];

const formats: readonly ImageFormat[] = [
  ...Object.values<Omit<ImageFormat, 'isRead'>>(read).map((format) => ({ ...format, isRead: true })),
  ...notRead.map((format) => ({ ...format, isRead: false })),
];

/** File name endings (lower case, with their dot) of everything that is read. */
export const imageExtensions: readonly string[] = Object.values<Omit<ImageFormat, 'isRead'>>(read)
  .flatMap(({ endings }) => endings)
  .sort();

/** The format that a file's first `sniffedBytes` tell, if any. */
export const formatOf = (bytes: Uint8Array): ImageFormat | undefined =>
  formats.find(({ begins }) => begins?.(bytes) ?? false);

/** Whether libvips may take a file for an SVG: it looks for the same in fewer bytes, also inside of gzip. */
export const mayBeSvg = (bytes: Uint8Array): boolean => isGzip(bytes) || isSvgText(bytes);

/** The format that a file's name tells, if any. */
export function formatByName(name: string): ImageFormat | undefined {
  const lower = name.toLowerCase();
  return formats.find(({ endings }) => endings.some((ending) => lower.endsWith(ending)));
}

/** Whether a file of a format, as sharp calls it, is usually called like this. */
export function hasEndingOf(format: string, name: string): boolean {
  const known: Record<string, Omit<ImageFormat, 'isRead'>> = read;
  const lower = name.toLowerCase();
  return !Object.hasOwn(known, format) || known[format]!.endings.some((ending) => lower.endsWith(ending));
}

/** Why images of a format are not used, in words that follow its name. */
export const notReadReason = 'a format that is not read; save it as JPEG or PNG';
