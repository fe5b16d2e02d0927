/** SVGs, which may ask for any amount of time and memory. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { crc32, gzipSync } from 'node:zlib';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { wholeSquares } from '../../../src/graph/preprocessing.js';
import { ApartProcess } from '../../../src/runner/data/apart.js';
import { decodeImage } from '../../../src/runner/data/decode.js';
import { readHeader } from '../../../src/runner/data/header.js';
import { BadImageError } from '../../../src/runner/data/image-file.js';
import { ImageLoader } from '../../../src/runner/data/loader.js';
import { pattern, temporaryFolder } from './images.js';

const folder = temporaryFolder();
const at = (name: string) => path.join(folder.path, name);
const svg = (inside: string, size = 20) =>
  `<svg xmlns="http://www.w3.org/2000/svg" width="${size}" height="${size}">${inside}</svg>`;
const square = svg('<rect width="10" height="20" fill="#f00"/>');

/** Hundreds of filters on four megapixels. */
const slow = svg(
  `<filter id="f"><feTurbulence baseFrequency="0.01" numOctaves="60"/></filter>${'<rect width="2000" height="2000" filter="url(#f)"/>'.repeat(2000)}`,
  2000,
);

const limited = new ApartProcess({ seconds: 1, bytes: 2 ** 40 });
afterAll(() => limited.stop());

/** An SVG is drawn at the size that is wanted: the larger, the longer. */
const decode = (file: string, size = 8) => ({
  name: 'decode' as const,
  args: [at(file), wholeSquares(size, 'stretch')],
});
const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => expect.unreachable(),
    (error: unknown) => error as BadImageError,
  );

beforeAll(async () => {
  // A header that tells of 14,000 x 14,000 pixels; drawing them would take a while to prepare, too.
  const png = await pattern(4, 4).png().toBuffer();
  for (const place of [16, 20]) png.writeUInt32BE(14_000, place);
  png.writeUInt32BE(crc32(png.subarray(12, 29)), 29);
  const image = `<image width="16" height="16" href="data:image/png;base64,${png.toString('base64')}"/>`;
  await writeFile(at('square.svg'), square);
  await writeFile(at('square.svgz'), gzipSync(square));
  await writeFile(at('inside.svg'), svg(image));
  await writeFile(at('inside.svgz'), gzipSync(svg(image)));
  await writeFile(at('spaces.svgz'), gzipSync(svg(' '.repeat(2 ** 26))));
  await writeFile(at('slow.svg'), slow);
});

describe('an SVG', () => {
  it('is drawn by another process as in this one', async () => {
    const [here, there, packed] = [
      await sharp(Buffer.from(square))
        .resize(8, 8, { kernel: 'linear' })
        .flatten({ background: '#fff' })
        .raw()
        .toBuffer(),
      await decodeImage(at('square.svg'), wholeSquares(8, 'stretch')),
      await decodeImage(at('square.svgz'), wholeSquares(8, 'stretch')),
    ];
    expect([...there]).toEqual([...here]);
    expect([...packed]).toEqual([...here]);
    expect(await readHeader(at('square.svg'))).toMatchObject({ format: 'svg', width: 20, height: 20 });
  });

  it.each(['inside.svg', 'inside.svgz'])(
    '%s that holds an image of 196 megapixels is refused before it is drawn',
    async (file) => {
      const error = await failure(decodeImage(at(file), wholeSquares(8, 'stretch')));
      expect(error).toBeInstanceOf(BadImageError);
      expect(error.reason).toMatch(
        /the last of 14000 x 14000 pixels, take 784 MB of memory at once, over the limit of 537 MB/,
      );
    },
  );

  it('whose picture is empty or none is drawn without it', async () => {
    const pictures = ['data:image/png;base64,', 'data:image/png;base64,AAAA', 'data:image/png;base64,#'];
    await writeFile(at('empty.svg'), svg(pictures.map((uri) => `<image href="${uri}"/>`).join('')));
    expect([...(await decodeImage(at('empty.svg'), wholeSquares(8, 'stretch')))]).toEqual(Array(8 * 8 * 3).fill(255));
  });

  it('that unpacks to more than 64 MiB is refused', async () => {
    const error = await failure(decodeImage(at('spaces.svgz'), wholeSquares(8, 'stretch')));
    expect(error.reason).toMatch(/unpacks to more than 64 MiB/);
  });

  it('that takes too long is given up, and the next one is drawn', async () => {
    await limited.run(at('square.svg'), decode('square.svg'));
    const [error, after] = await Promise.all([
      failure(limited.run(at('slow.svg'), decode('slow.svg', 1000))),
      limited.run(at('square.svg'), decode('square.svg')),
    ]);
    expect(error).toBeInstanceOf(BadImageError);
    expect(error.reason).toMatch(/takes longer than 1 s to draw/);
    expect(after).toHaveLength(8 * 8 * 3);
  });

  it.runIf(process.platform === 'linux')('that takes too much memory is given up', async () => {
    const small = new ApartProcess({ seconds: 60, bytes: 2 ** 20 });
    const error = await failure(small.run(at('slow.svg'), decode('slow.svg', 1000)));
    expect(error.reason).toMatch(/takes more than 1 MB of memory at once/);
    small.stop();
  });

  it('that is damaged or gone is named, from threads too', async () => {
    await writeFile(at('damaged.svg'), '<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><rect');
    const loader = new ImageLoader({ imageSize: 8, resize: 'stretch', workers: 2, cache: 'none' });
    const bad = await loader.check(['damaged.svg', 'square.svg', 'inside.svg', 'none.svg'].map(at));
    await loader.close();
    expect(bad.map((image) => path.basename(image.path))).toEqual(['damaged.svg', 'inside.svg', 'none.svg']);
    for (const { reason } of bad) expect(reason).toMatch(/^[^\n]{5,}$/);
  });
});
