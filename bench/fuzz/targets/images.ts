/** Images: what is decoded by pages of this project, and SVGs, which go to a process of their own. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';
import { wholeSquares } from '../../../src/graph/preprocessing.js';
import { decodeImage } from '../../../src/runner/data/decode.js';
import { readHeader, requireModest } from '../../../src/runner/data/header.js';
import { bmpHeader } from '../../../test/helpers/bmp.js';
import type { Seed, Target } from '../target.js';
import { bytesSeed, textSeed } from '../target.js';

const side = 5;
const size = 8;

/** A header of BMP and what follows it. @param bits a pixel @param compression as in the header */
function bmp(bits: number, compression: number, between: Uint8Array, pixels: Uint8Array, height = side): Seed {
  const lengths = { between: between.length, pixels: pixels.length };
  const header = bmpHeader({ width: side, height, bits, compression, ...lengths });
  return {
    parts: [{ bytes: header }, { bytes: between }, { bytes: pixels }],
    build: ([head, middle, rest]) => Buffer.concat([head!, middle!, rest!]),
  };
}

const rowBytes = (bits: number) => 4 * Math.ceil((side * bits) / 32);
const bytes = (length: number) => Uint8Array.from({ length }, (_, i) => 37 * i + 11);
const palette = (colours: number) => bytes(4 * colours);
const masks = Buffer.alloc(16);
[0xf800, 0x07e0, 0x001f, 0].forEach((mask, i) => masks.writeUInt32LE(mask, 4 * i));

const bmps: readonly Seed[] = [
  bmp(1, 0, palette(2), bytes(side * rowBytes(1))),
  bmp(4, 0, palette(16), bytes(side * rowBytes(4))),
  bmp(8, 0, palette(256), bytes(side * rowBytes(8)), -side),
  bmp(16, 3, masks.subarray(0, 12), bytes(side * rowBytes(16))),
  bmp(24, 0, new Uint8Array(), bytes(side * rowBytes(24))),
  bmp(32, 6, masks, bytes(side * rowBytes(32))),
  bmp(8, 1, palette(256), Uint8Array.of(5, 1, 0, 0, 0, 3, 1, 2, 3, 0, 0, 2, 1, 1, 4, 9, 0, 1)),
  bmp(4, 2, palette(16), Uint8Array.of(5, 0x12, 0, 0, 0, 5, 0x12, 0x34, 0x50, 0, 0, 2, 1, 1, 4, 0x9a, 0, 1)),
];

const samples = (length: number) => Array.from({ length }, (_, i) => (7 * i) % 10).join(' ');

const pnms: readonly Seed[] = [
  textSeed(`P1\n# a comment\n${side} ${side}\n${'10110'.repeat(side)}\n`),
  textSeed(`P2 ${side} ${side} 9\n${samples(side * side)}\n`),
  textSeed(`P3\n${side} ${side}\n65535\n${samples(3 * side * side)}\n`),
  ...(
    [
      ['P4', '', side],
      ['P5', '255', side * side],
      ['P5', '65535', 2 * side * side],
      ['P6', '200', 3 * side * side],
    ] as const
  ).map(([magic, maximum, length]): Seed => {
    const header = Buffer.from(`${magic}\n${side} ${side}\n${maximum}${maximum && '\n'}`);
    return {
      parts: [{ bytes: header }, { bytes: bytes(length) }],
      build: ([head, pixels]) => Buffer.concat([head!, pixels!]),
    };
  }),
];

const shapes =
  '<defs><linearGradient id="g"><stop offset="0" stop-color="#f00"/><stop offset="1" stop-color="#00f"/></linearGradient>' +
  '<pattern id="p" width="2" height="2"><rect width="1" height="1"/></pattern><filter id="f"><feGaussianBlur stdDeviation="2"/></filter>' +
  '<g id="a"><rect width="3" height="3" fill="url(#g)"/></g></defs><use href="#a"/><circle r="4" fill="url(#p)" filter="url(#f)"/>' +
  '<path d="M0 0L8 8C1 2 3 4 5 6z" transform="scale(1.5) rotate(10)"/><text x="1" y="5">&amp;a</text>';

const svg = (inside: string, start = '') =>
  `${start}<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="16" height="16" viewBox="0 0 16 16">${inside}</svg>`;

async function svgSeeds(): Promise<Seed[]> {
  const raw = { width: side, height: side, channels: 3 } as const;
  const png = await sharp(bytes(3 * side * side), { raw })
    .png()
    .toBuffer();
  const before = Buffer.from(
    svg('').replace('</svg>', '<image width="9" height="9" xlink:href="data:image/png;base64,'),
  );
  return [
    textSeed(svg(shapes)),
    textSeed(svg('<rect width="9" height="9" fill="&c;"/>', '<!DOCTYPE svg [<!ENTITY c "#0f0">]>')),
    {
      // The picture inside of it is changed, and packed again.
      parts: [{ bytes: png }],
      build: ([inside]) =>
        Buffer.concat([before, Buffer.from(Buffer.from(inside!).toString('base64')), Buffer.from('"/></svg>')]),
    },
  ];
}

const svgTokens = [
  '&c;',
  '<use href="#a"/>',
  'url(#f)',
  '1e9',
  '100000',
  'data:image/png;base64,',
  '<g>',
  '</g>',
  'file:///etc/passwd',
];

const target = (name: string, ending: string, seeds: () => Promise<Seed[]>, tokens: readonly string[]): Target => ({
  name,
  seeds,
  tokens: tokens.map((text) => Buffer.from(text)),
  read: async (content, folder) => {
    const file = path.join(folder, `image${ending}`);
    await writeFile(file, content);
    await requireModest(file);
    const { width, height } = await readHeader(file);
    if (!(width > 0 && height > 0)) throw new Error(`an image of ${width} x ${height} pixels`);
    const pixels = await decodeImage(file, wholeSquares(size, 'stretch'));
    if (pixels.length !== size * size * 3) throw new Error(`an image of ${pixels.length} bytes`);
  },
});

export const images: Target[] = [
  target(
    'bmp',
    '.bmp',
    async () => [...bmps, bytesSeed((await bmps[4]!.build(bmps[4]!.parts.map((part) => part.bytes))) as Uint8Array)],
    ['BM'],
  ),
  target('ppm', '.ppm', async () => [...pnms], ['P1', 'P3', 'P4', 'P6', '#', '65535', '65536', '16384 16384']),
  target('svg', '.svg', svgSeeds, svgTokens),
];
