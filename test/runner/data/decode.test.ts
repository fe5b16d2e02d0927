import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Sharp } from 'sharp';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { Philox } from '../../../src/graph/state/philox.js';
import { wholeSquares } from '../../../src/graph/preprocessing.js';
import { decodeImage } from '../../../src/runner/data/decode.js';
import { requireModest } from '../../../src/runner/data/header.js';
import { BadImageError } from '../../../src/runner/data/image-file.js';
import { pattern, temporaryFolder, truncated, writeFiles } from './images.js';

const folder = temporaryFolder();
const at = (name: string) => path.join(folder.path, name);

/** A picture of 2 x 2 blocks, each of one colour, in reading order. */
function blocks(colours: string[], side = 16): Sharp {
  const tile = (color: string, i: number) => ({
    input: { create: { width: side, height: side, channels: 4 as const, background: color } },
    left: (i % 2) * side,
    top: Math.floor(i / 2) * side,
  });
  return sharp({ create: { width: 2 * side, height: 2 * side, channels: 4, background: '#00000000' } }).composite(
    colours.map(tile),
  );
}

const opaque = (image: Sharp) => image.removeAlpha();
const pixel = (pixels: Uint8Array, size: number, x: number, y: number) => [
  ...pixels.subarray((y * size + x) * 3, (y * size + x) * 3 + 3),
];
/** The middle of each quarter, in reading order. */
const quarters = (pixels: Uint8Array, size: number) =>
  [1, 3].flatMap((row) => [1, 3].map((column) => pixel(pixels, size, (column * size) >> 2, (row * size) >> 2)));

const red = [255, 0, 0];
const green = [0, 255, 0];
const blue = [0, 0, 255];
const white = [255, 255, 255];
const four = ['#f00', '#0f0', '#00f', '#fff'];

function expectClose(actual: number[][], expected: number[][], tolerance: number) {
  const worst = actual.map((values, i) => Math.max(...values.map((value, j) => Math.abs(value - expected[i]![j]!))));
  expect(Math.max(...worst), JSON.stringify(actual)).toBeLessThanOrEqual(tolerance);
}

describe('decodeImage', () => {
  it('gives RGB rows from every common format', async () => {
    const image = await opaque(blocks(four)).png().toBuffer();
    for (const name of ['a.png', 'a.jpg', 'a.webp', 'a.gif', 'a.avif', 'a.tiff']) {
      await sharp(image).toFile(at(name));
      const pixels = await decodeImage(at(name), wholeSquares(8, 'stretch'));
      expect(pixels).toHaveLength(8 * 8 * 3);
      expectClose(quarters(pixels, 8), [red, green, blue, white], 30);
    }
    const square = (x: number, y: number, fill: string) =>
      `<rect x="${x}" y="${y}" width="1" height="1" fill="${fill}"/>`;
    const squares = square(0, 0, '#f00') + square(1, 0, '#0f0') + square(0, 1, '#00f');
    await writeFiles(folder.path, {
      'a.svg': `<svg xmlns="http://www.w3.org/2000/svg" width="2" height="2">${squares}</svg>`,
    });
    expectClose(quarters(await decodeImage(at('a.svg'), wholeSquares(8, 'stretch')), 8), [red, green, blue, white], 0);
  });

  it.each([3, 5, 20])(
    'resizes the whole of a JPEG that is %d times as large, as that of a PNG of its pixels',
    async (times) => {
      const side = 16 * times + 3;
      const raw = { width: side, height: side, channels: 3 } as const;
      const noise = sharp(new Philox(times, 'images').fillBytes(new Uint8Array(side * side * 3)), { raw });
      for (const [name, options] of Object.entries({ sequential: {}, progressive: { progressive: true } })) {
        await noise
          .clone()
          .jpeg(options)
          .toFile(at(`${name}.jpg`));
        await sharp(at(`${name}.jpg`)).toFile(at(`${name}.png`));
        const [jpeg, png] = await Promise.all(
          ['jpg', 'png'].map((end) => decodeImage(at(`${name}.${end}`), wholeSquares(16, 'stretch'))),
        );
        expect(jpeg).toEqual(png);
      }
    },
  );

  it('applies the EXIF orientation', async () => {
    const image = await opaque(blocks(four)).png().toBuffer();
    const upright: Record<number, number[][]> = {
      1: [red, green, blue, white],
      2: [green, red, white, blue],
      3: [white, blue, green, red],
      4: [blue, white, red, green],
      5: [red, blue, green, white],
      6: [blue, red, white, green],
      7: [white, green, blue, red],
      8: [green, white, red, blue],
    };
    for (const [orientation, expected] of Object.entries(upright)) {
      const file = at(`orientation-${orientation}.jpg`);
      await sharp(image)
        .withMetadata({ orientation: Number(orientation) })
        .jpeg({ quality: 100 })
        .toFile(file);
      expectClose(quarters(await decodeImage(file, wholeSquares(32, 'stretch')), 32), expected, 12);
    }
  });

  it('turns an image before it crops or pads it', async () => {
    // 32 x 16, to be turned upright: red above blue, 16 x 32.
    const wide = await opaque(blocks(four)).extract({ left: 0, top: 0, width: 32, height: 16 }).png().toBuffer();
    await sharp(wide).withMetadata({ orientation: 6 }).jpeg({ quality: 100 }).toFile(at('turned.jpg'));
    const padded = await decodeImage(at('turned.jpg'), wholeSquares(32, 'contain'));
    const column = (x: number) => [4, 27].map((y) => pixel(padded, 32, x, y));
    expectClose([...column(2), ...column(16), ...column(29)], [white, white, red, green, white, white], 12);
    const cropped = await decodeImage(at('turned.jpg'), wholeSquares(16, 'cover'));
    expectClose([pixel(cropped, 16, 1, 1), pixel(cropped, 16, 14, 14)], [red, green], 12);
  });

  it('stretches, covers or contains', async () => {
    const stripes = await sharp({ create: { width: 40, height: 20, channels: 3, background: '#f00' } })
      .composite([{ input: { create: { width: 20, height: 20, channels: 3, background: '#00f' } }, left: 10, top: 0 }])
      .png()
      .toBuffer();
    await writeFiles(folder.path, { 'stripes.png': stripes });
    const row = async (resize: 'stretch' | 'cover' | 'contain', y = 10) => {
      const pixels = await decodeImage(at('stripes.png'), wholeSquares(20, resize));
      return [2, 10, 17].map((x) => pixel(pixels, 20, x, y));
    };
    expectClose(await row('stretch'), [red, blue, red], 0);
    expectClose(await row('cover'), [blue, blue, blue], 0);
    expectClose(await row('contain'), [red, blue, red], 0);
    expectClose(await row('contain', 2), [white, white, white], 0);
  });

  it('puts transparent images on white', async () => {
    const image = await blocks(['#f00', '#00f0', '#00000080', '#fff']).png().toBuffer();
    const expected = [red, white, [127, 127, 127], white];
    await writeFiles(folder.path, { 'alpha.png': image });
    await sharp(image).webp({ lossless: true }).toFile(at('alpha.webp'));
    for (const name of ['alpha.png', 'alpha.webp']) {
      expectClose(quarters(await decodeImage(at(name), wholeSquares(32, 'stretch')), 32), expected, 1);
    }
    await sharp(image).toColourspace('b-w').png().toFile(at('grey-alpha.png'));
    const grey = quarters(await decodeImage(at('grey-alpha.png'), wholeSquares(32, 'stretch')), 32);
    expectClose([grey[1]!, grey[3]!], [white, white], 1);
    await sharp(image).toColourspace('rgb16').png().toFile(at('alpha-16.png'));
    expectClose(quarters(await decodeImage(at('alpha-16.png'), wholeSquares(32, 'stretch')), 32), expected, 1);
  });

  it('converts greyscale, 16 bits, palettes and CMYK to 8-bit sRGB', async () => {
    const image = await opaque(blocks(['#000', '#555', '#aaa', '#fff']))
      .png()
      .toBuffer();
    const grey = [0x00, 0x55, 0xaa, 0xff].map((value) => [value, value, value]);
    await sharp(image).toColourspace('b-w').png().toFile(at('grey.png'));
    await sharp(image).toColourspace('grey16').png().toFile(at('grey-16.png'));
    await sharp(image).toColourspace('rgb16').png().toFile(at('rgb-16.png'));
    await sharp(image).toColourspace('rgb16').tiff().toFile(at('rgb-16.tiff'));
    await sharp(image).png({ palette: true }).toFile(at('palette.png'));
    await sharp(image).toColourspace('b-w').jpeg({ quality: 100 }).toFile(at('grey.jpg'));
    expect(await sharp(at('grey-16.png')).metadata()).toMatchObject({ channels: 1, depth: 'ushort' });
    for (const name of ['grey.png', 'grey-16.png', 'rgb-16.png', 'rgb-16.tiff', 'palette.png', 'grey.jpg']) {
      const pixels = await decodeImage(at(name), wholeSquares(32, 'stretch'));
      expect(pixels).toHaveLength(32 * 32 * 3);
      expectClose(quarters(pixels, 32), grey, 2);
    }
    await sharp(image).toColourspace('cmyk').jpeg({ quality: 100 }).toFile(at('cmyk.jpg'));
    expect(await sharp(at('cmyk.jpg')).metadata()).toMatchObject({ channels: 4, space: 'cmyk' });
    expectClose(quarters(await decodeImage(at('cmyk.jpg'), wholeSquares(32, 'stretch')), 32), grey, 25);
  });

  it('takes the first frame of an animation', async () => {
    const frame = (background: string) => ({ create: { width: 8, height: 8, channels: 3 as const, background } });
    for (const name of ['animated.gif', 'animated.webp']) {
      const frames = [frame('#f00'), frame('#00f')].map((input) => sharp(input).png().toBuffer());
      await sharp(await Promise.all(frames), { join: { animated: true } }).toFile(at(name));
      expect(await sharp(at(name)).metadata()).toMatchObject({ pages: 2 });
      expectClose([pixel(await decodeImage(at(name), wholeSquares(8, 'stretch')), 8, 4, 4)], [red], 6);
    }
  });

  describe('names the file and the reason', () => {
    const bad: Record<string, RegExp> = {
      'zero.jpg': /empty \(0 bytes\)/,
      'text.jpg': /unsupported image format/,
      'no-such.jpg': /missing/,
      'half.jpg': /^the file is cut short$/,
      'almost-whole.jpg': /^the file is cut short$/,
      'half-progressive.jpg': /^the file is cut short$/,
      'half.png': /^the file is cut short$/,
      'half.gif': /^the file is cut short$/,
      'half.webp': /^the file is cut short$/,
      'damaged.png': /^the file is damaged$/,
    };
    beforeAll(async () => {
      await writeFiles(folder.path, {
        'whole.jpg': pattern(200, 100),
        'whole-progressive.jpg': pattern(200, 100).jpeg({ progressive: true }),
        'whole.png': pattern(200, 100),
        'whole.gif': pattern(200, 100),
        'whole.webp': pattern(200, 100),
        'zero.jpg': '',
        'text.jpg': 'no image at all',
      });
      for (const name of ['jpg', 'png', 'gif', 'webp']) await truncated(at(`whole.${name}`), at(`half.${name}`), 0.5);
      await truncated(at('whole-progressive.jpg'), at('half-progressive.jpg'), 0.5);
      await truncated(at('whole.jpg'), at('almost-whole.jpg'), 0.99);
      const bytes = await readFile(at('whole.png'));
      bytes[bytes.length >> 1]! ^= 0xff;
      await writeFile(at('damaged.png'), bytes);
    });

    it.each(Object.entries(bad))('%s', async (name, reason) => {
      // 8 px takes the decoders' fast way to small sizes, which must not be blinder.
      for (const size of [8, 224]) {
        const error = await decodeImage(at(name), wholeSquares(size, 'stretch')).catch((thrown: unknown) => thrown);
        expect(error).toBeInstanceOf(BadImageError);
        expect((error as BadImageError).message).toContain(`${at(name)}: `);
        expect((error as BadImageError).reason).toMatch(reason);
        expect((error as BadImageError).reason).not.toContain('\n');
      }
    });
  });
});

describe('requireModest', () => {
  /** A JPEG, to be turned, whose header tells of 10,000 x 10,000 pixels. */
  async function writeHuge(name: string, progressive: boolean): Promise<void> {
    const bytes = await pattern(16, 16)
      .withMetadata({ orientation: 6 })
      .jpeg({ progressive, chromaSubsampling: '4:4:4' })
      .toBuffer();
    const frame = bytes.indexOf(Buffer.of(0xff, progressive ? 0xc2 : 0xc0));
    for (const at of [5, 7]) bytes.writeUInt16BE(10_000, frame + at);
    await writeFile(at(name), bytes);
  }

  it('takes a huge JPEG that is turned, which is decoded row by row, and refuses a progressive one', async () => {
    await writeHuge('huge.jpg', false);
    await writeHuge('huge-progressive.jpg', true);
    await requireModest(at('huge.jpg'));
    await expect(requireModest(at('huge-progressive.jpg'))).rejects.toThrow(
      '10000 x 10000 pixels as progressive jpeg take 600 MB',
    );
  });
});
