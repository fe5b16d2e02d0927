/** Images that are damaged or odd in every way that a file can be. */
import { spawnSync } from 'node:child_process';
import { chmod, copyFile, mkdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { deflateSync } from 'node:zlib';
import type { Sharp } from 'sharp';
import sharp from 'sharp';
import type { BadKind } from '../../src/runner/survey/bad-kinds.js';
import type { Unusual } from '../../src/runner/survey/inspect.js';

/** Pixels [height, width, channels] of noise that differs by `seed`, smooth enough for JPEG to shrink. */
export function noise(width: number, height: number, channels: 3 | 4, seed: number): Sharp {
  const pixels = Buffer.alloc(width * height * channels);
  for (let i = 0; i < pixels.length; i++) pixels[i] = (Math.imul((i >> 5) + 1 + 7919 * seed, 0x9e3779b1) >>> 24) & 0xff;
  return sharp(pixels, { raw: { width, height, channels } });
}

const image = (seed: number) => noise(48, 40, 3, seed);

/** PNG's, ISO 3309. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const whole = Buffer.alloc(body.length + 8);
  whole.writeUInt32BE(data.length, 0);
  body.copy(whole, 4);
  whole.writeUInt32BE(crc32(body), whole.length - 4);
  return whole;
}

/** A PNG of a given size whose pixels are `packed`, or none. */
function png(side: number, bitDepth: number, colorType: number, interlace: number, packed: Uint8Array): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  header.set([bitDepth, colorType, 0, 0, interlace], 8);
  const parts = [chunk('IHDR', header), chunk('IDAT', packed), chunk('IEND', new Uint8Array())];
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), ...parts]);
}

/** A progressive JPEG of a few pixels whose header says 16,383 by 16,383. */
async function claimingJpeg(seed: number): Promise<Buffer> {
  const bytes = await image(seed).jpeg({ progressive: true }).toBuffer();
  // Marker, length and precision go before height and width.
  bytes.writeUInt32BE(0x3fff_3fff, bytes.indexOf(Buffer.from([0xff, 0xc2])) + 5);
  return bytes;
}

/** One bit a pixel, all black: 33 MB of pixels in 33 kB. */
const flat = (side: number) => deflateSync(Buffer.alloc(side * (Math.ceil(side / 8) + 1)));

const half = async (whole: Sharp, share = 0.5): Promise<Buffer> => {
  const bytes = await whole.toBuffer();
  return bytes.subarray(0, Math.floor(bytes.length * share));
};

async function flipped(whole: Sharp): Promise<Buffer> {
  const bytes = await whole.toBuffer();
  bytes[bytes.length >> 1]! ^= 0xff;
  return bytes;
}

const svg = (inside: string, size = '16') =>
  `<?xml version="1.0"?>${inside}<svg xmlns="http://www.w3.org/2000/svg" width="${size}" height="${size}"><text>&a9;</text></svg>`;

/** Ten entities, each ten times the one before. */
const laughs = `<!DOCTYPE svg [<!ENTITY a0 "ha">${Array.from(
  { length: 9 },
  (_, i) => `<!ENTITY a${i + 1} "${`&a${i};`.repeat(10)}">`,
).join('')}]>`;

const animation = async (format: 'gif' | 'webp', seed: number) => {
  const frames = await Promise.all([seed, seed + 1].map((each) => image(each).png().toBuffer()));
  return sharp(frames, { join: { animated: true } })
    .toFormat(format)
    .toBuffer();
};

const sixteen = (seed: number) => image(seed).toColourspace('rgb16');

/** What a phone writes, under a name that says otherwise. */
const heic = Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'latin1');

/** A few bytes that hold an image of 196 megapixels. */
const hollowSvg = () => {
  const inside = Buffer.from(png(14_000, 1, 0, 0, flat(14_000))).toString('base64');
  return `<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16"><image width="16" height="16" href="data:image/png;base64,${inside}"/></svg>`;
};

export interface Damage {
  /** Of the file; a number goes before its extension. */
  name: string;
  /** Why it cannot be read, or what is unusual about it. */
  expected: { bad: BadKind } | { unusual: Unusual };
  /** Bytes of the file, or what makes it at a path. */
  make: ((seed: number) => Promise<Uint8Array> | Uint8Array | string) | { at: (file: string) => Promise<void> };
}

const bad = (kind: BadKind, name: string, make: Damage['make']): Damage => ({ name, expected: { bad: kind }, make });
const odd = (kind: Unusual, name: string, make: Damage['make']): Damage => ({
  name,
  expected: { unusual: kind },
  make,
});
const at = (make: (file: string) => Promise<void>) => ({ at: make });

export const damages: Damage[] = [
  bad('damaged', 'half.jpg', (seed) => half(image(seed).jpeg())),
  bad('damaged', 'half-progressive.jpg', (seed) => half(image(seed).jpeg({ progressive: true }))),
  bad('damaged', 'almost.jpg', (seed) => half(image(seed).jpeg(), 0.95)),
  bad('damaged', 'half.png', (seed) => half(image(seed).png())),
  bad('damaged', 'half.webp', (seed) => half(image(seed).webp())),
  bad('damaged', 'half.gif', (seed) => half(image(seed).gif())),
  // Its directory is at the end.
  bad('no image', 'half.tiff', (seed) => half(image(seed).tiff())),
  bad('damaged', 'flipped.png', (seed) => flipped(image(seed).png())),
  bad('damaged', 'laughs.svg', () => svg(laughs)),
  bad('empty', 'empty.jpg', () => ''),
  bad('empty', 'empty.png', () => ''),
  bad('no image', 'text.jpg', () => 'this is text\n'),
  bad('no image', 'page.jpg', () => '<!doctype html><title>404</title><p>not found'),
  bad('no image', 'zeros.jpg', () => new Uint8Array(4096)),
  bad('no image', 'archive.png', () => new Uint8Array([0x50, 0x4b, 3, 4, ...new Uint8Array(60)])),
  bad('too large', 'huge.png', () => png(16_385, 1, 0, 0, flat(16_385))),
  bad('damaged', 'claims.png', () => png(2 ** 30, 8, 2, 0, new Uint8Array(8))),
  bad('too large', 'bomb.png', () => png(16_000, 8, 2, 1, flat(16_000))),
  bad('too large', 'claims.jpg', claimingJpeg),
  bad('too large', 'huge.svg', () => svg('', '100000').replace('&a9;', '')),
  bad(
    'missing',
    'nothing.jpg',
    at((file) => symlink('nowhere.jpg', file)),
  ),
  bad(
    'not readable',
    'loop.jpg',
    at((file) => symlink(path.basename(file), file)),
  ),
  bad(
    'not readable',
    'device.png',
    at((file) => symlink('/dev/zero', file)),
  ),
  bad(
    'not readable',
    'pipe.png',
    at(async (file) => {
      if (spawnSync('mkfifo', [file]).status !== 0) throw new Error(`mkfifo ${file} failed`);
    }),
  ),
  bad('a format that is not read', 'photo.jpg', () => heic),
  bad('too large', 'inside.svg', hollowSvg),
  odd('CMYK', 'cmyk.jpg', (seed) => image(seed).toColourspace('cmyk').jpeg().toBuffer()),
  odd('CMYK', 'cmyk.tiff', (seed) => image(seed).toColourspace('cmyk').tiff().toBuffer()),
  odd('16-bit', '16-bit.png', (seed) => sixteen(seed).png().toBuffer()),
  odd('16-bit', '16-bit.tiff', (seed) => sixteen(seed).tiff({ compression: 'deflate' }).toBuffer()),
  odd('animated', 'animated.gif', (seed) => animation('gif', seed)),
  odd('animated', 'animated.webp', (seed) => animation('webp', seed)),
  odd('extension', 'png.jpg', (seed) => image(seed).png().toBuffer()),
  odd('extension', 'webp.png', (seed) => image(seed).webp().toBuffer()),
  odd('huge', 'large.png', (seed) => png(8_193 + (seed % 7), 1, 0, 0, flat(8_193 + (seed % 7)))),
  odd('tiny', 'tiny.png', (seed) =>
    noise(1, 1 + (seed % 7), 3, seed)
      .png()
      .toBuffer(),
  ),
  ...['new\nline.png', 'bell\x07.png', 'turned\u202egnp.png', ' blank.png', 'emoji😀.png', '👩‍🚀.png'].map((name) =>
    odd('name', name, (seed) => image(seed).png().toBuffer()),
  ),
];

/** A file without permission, which only an ordinary user cannot read. */
export const forbidden: Damage = bad(
  'not readable',
  'forbidden.png',
  at(async (file) => {
    await image(1).png().toFile(file);
    await chmod(file, 0);
  }),
);

/** @param seed images of other seeds are others */
export async function writeDamage({ make }: Damage, file: string, seed: number): Promise<void> {
  if ('at' in make) await make.at(file);
  else await writeFile(file, await make(seed));
}

export interface Written {
  /** Path below the root of each damaged file. */
  damaged: { file: string; damage: Damage }[];
  images: number;
}

const numbered = (name: string, index: number) => name.replace(/(?=\.\w+$)/, `-${index}`);

/**
 * Makes an image folder: `files` images in classes of `imagesAClass`, two thirds of them for training.
 *
 * @param list put in place of images, spread evenly, each in turn until `count` are placed
 */
export async function writeDamagedFolder(
  root: string,
  { files, imagesAClass, count, list }: { files: number; imagesAClass: number; count: number; list: readonly Damage[] },
): Promise<Written> {
  const classes = Math.floor(files / imagesAClass);
  const damaged: Written['damaged'] = [];
  for (let index = 0; index < classes * imagesAClass; index++) {
    const label = Math.floor(index / imagesAClass);
    const folder = path.join(label % 3 === 2 ? 'val' : 'train', `class-${String(label).padStart(4, '0')}`);
    await mkdir(path.join(root, folder), { recursive: true });
    const isDamaged = Math.floor(((index + 1) * count) / files) > Math.floor((index * count) / files);
    const damage = isDamaged ? list[damaged.length % list.length] : undefined;
    const file = path.join(folder, damage ? numbered(damage.name, index) : `${index}.png`);
    if (damage) {
      await writeDamage(damage, path.join(root, file), index);
      damaged.push({ file, damage });
    } else {
      await image(index).png().toFile(path.join(root, file));
    }
  }
  return { damaged, images: classes * imagesAClass };
}

/** Whole images, 1.6 MB and 3.6 MB, whose 268 megapixels take 805 MB of memory; made once, in `folder`. */
export async function makeBombs(folder: string): Promise<Damage[]> {
  const side = 0x3fff;
  const pixels = () =>
    sharp({ create: { width: side, height: side, channels: 3, background: '#345' }, limitInputPixels: false });
  const made = {
    'whole-bomb.jpg': pixels().jpeg({ progressive: true }),
    'whole-bomb.png': pixels().png({ progressive: true }),
  };
  const bombs: Damage[] = [];
  for (const [name, bomb] of Object.entries(made)) {
    const source = path.join(folder, name);
    await bomb.toFile(source);
    const copy = at((file) => copyFile(source, file));
    bombs.push(bad('too large', name, copy));
  }
  return bombs;
}
