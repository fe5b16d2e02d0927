/** Errors of the disk and the machine, which say nothing of an image. */
import { truncate, writeFile } from 'node:fs/promises';
import * as fs from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { wholeSquares } from '../../../src/graph/preprocessing.js';
import { UserError } from '../../../src/runner/base/errors.js';
import { usableImages } from '../../../src/runner/data/check.js';
import { decodeImage } from '../../../src/runner/data/decode.js';
import { BadImageError } from '../../../src/runner/data/image-file.js';
import { openImageFolder } from '../../../src/runner/data/folder.js';
import { ImageLoader } from '../../../src/runner/data/loader.js';
import { decodeError } from '../../../src/runner/data/open-image.js';
import { bmpHeader } from '../../helpers/bmp.js';
import { writeImageFolder } from '../../helpers/images.js';
import { pattern, temporaryFolder, writeFiles } from './images.js';

vi.mock('node:fs/promises', async (original) => ({ ...(await original<typeof fs>()) }));

const folder = temporaryFolder();
const at = (...names: string[]) => path.join(folder.path, ...names);
const loaderOf = (cache: 'none' | 'ram') => new ImageLoader({ imageSize: 8, resize: 'stretch', workers: 0, cache });
const failing = (code: string) => Object.assign(new Error(`${code}: it failed, read`), { code });

beforeAll(() => writeImageFolder(at('data')));
afterEach(() => void vi.restoreAllMocks());

/** The n-th file that is opened from now on fails. */
function failAt(n: number, code: string): void {
  const { open } = fs;
  let opened = 0;
  vi.spyOn(fs, 'open').mockImplementation((...args) =>
    opened++ === n ? Promise.reject(failing(code)) : open(...args),
  );
}

describe('an error that passes', () => {
  it.each(['EIO', 'EMFILE', 'ENFILE', 'ENOMEM', 'ESTALE', 'ETIMEDOUT'])(
    'of %s ends the check with its name, also with --skip-bad',
    async (code) => {
      for (const cache of ['none', 'ram'] as const) {
        const set = await openImageFolder(at('data'), 'train');
        failAt(5, code);
        const error: unknown = await usableImages(set, loaderOf(cache), { skipBad: true }).catch(
          (thrown: unknown) => thrown,
        );
        vi.restoreAllMocks();
        expect(error).toBeInstanceOf(UserError);
        expect(error).not.toBeInstanceOf(BadImageError);
        expect((error as UserError).message).toContain(code);
        expect((error as UserError).message).toMatch(/can't read .*data.train/);
      }
    },
  );

  it('is told in the same words whatever libvips says, whose threads share their reasons', async () => {
    const whole = await pattern(20, 20).jpeg().toBuffer();
    for (const text of ['VipsJpeg: premature end of JPEG image', 'vipspng: libpng read error', 'Unknown error', '']) {
      const reasonOf = async (bytes: Uint8Array) => (await decodeError('a.jpg', new Error(text), bytes)).message;
      expect(await reasonOf(whole)).toBe('a.jpg: the file is damaged');
      expect(await reasonOf(whole.subarray(0, whole.length >> 1))).toBe('a.jpg: the file is cut short');
    }
  });

  it('is no error of the image when libvips has no memory', async () => {
    const text = 'vips2png: out of memory\nVipsJpeg: out of memory';
    const error = await decodeError('a.png', new Error(text), new Uint8Array());
    expect(error).not.toBeInstanceOf(BadImageError);
    expect(error.message).toMatch(/ENOMEM.*--workers/);
  });

  it.each(['EACCES', 'ENOENT', 'ELOOP', 'EPERM'])(
    'is none when it is %s, which is the own of the file',
    async (code) => {
      const set = await openImageFolder(at('data'), 'train');
      // The header and the pixels of the first image.
      failAt(0, code);
      const { skipped } = await usableImages(set, loaderOf('none'), { skipBad: true });
      expect(skipped.map((bad) => path.basename(bad.path))).toEqual(['0.png']);
    },
  );
});

it('a file that is cut while it is decoded is an image or a bad one, and the process goes on', async () => {
  const file = at('cut.tiff');
  const whole = await pattern(3000, 2000).tiff({ compression: 'none' }).toBuffer();
  for (let round = 0; round < 6; round++) {
    await writeFile(file, whole);
    const decoded = decodeImage(file, wholeSquares(8, 'stretch')).catch((error: unknown) => error);
    await new Promise((resolve) => setTimeout(resolve, 4 * round));
    await truncate(file, 100);
    const result = await decoded;
    if (!(result instanceof BadImageError)) expect(result).toHaveLength(8 * 8 * 3);
  }
});

describe('formats', () => {
  it('of BMP and PPM give the pixels that a PNG of them gives', async () => {
    const [width, height] = [20, 12];
    const raw = await pattern(width, height).raw().toBuffer();
    const header = bmpHeader({ width, height: -height, bits: 24, pixels: raw.length });
    const swapped = raw.map((_, i) => raw[i - (i % 3) + 2 - (i % 3)]!);
    await writeFiles(at('same'), {
      'a.png': sharp(raw, { raw: { width, height, channels: 3 } }),
      'a.ppm': Buffer.concat([Buffer.from(`P6 ${width} ${height} 255\n`), raw]),
      'a.bmp': Buffer.concat([header, swapped]),
    });
    for (const resize of ['stretch', 'cover', 'contain'] as const) {
      const [png, ...others] = await Promise.all(
        ['png', 'ppm', 'bmp'].map((end) => decodeImage(at(`same/a.${end}`), wholeSquares(9, resize))),
      );
      for (const other of others) expect(other).toEqual(png);
    }
  });

  it('that are not read are named, whatever the file is called', async () => {
    await writeFiles(at('other'), {
      'photo.jpg': Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'latin1'),
      'half.bmp': Buffer.from('BM\x20\0\0\0\0\0\0\0\x1a\0\0\0', 'latin1'),
    });
    await sharp(await pattern(4, 4).png().toBuffer()).toFile(at('other/a.png'));
    await expect(decodeImage(at('other/photo.jpg'), wholeSquares(8, 'stretch'))).rejects.toThrow(
      /HEIC, a format that is not read/,
    );
    await expect(decodeImage(at('other/half.bmp'), wholeSquares(8, 'stretch'))).rejects.toThrow(
      /half\.bmp: the file ends too early/,
    );
  });
});
