/** Packs that are damaged, lie, or are of another version: each is refused in a line. */
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { UserError } from '../../../src/runner/base/errors.js';
import { ImageLoader } from '../../../src/runner/data/loader.js';
import { openPack } from '../../../src/runner/data/pack-file.js';
import { packedSet } from '../../../src/runner/data/packed-set.js';
import { encodePreamble, preambleBytes } from '../../../src/runner/data/pack-layout.js';
import { packData } from '../../../src/runner/jobs/pack-data.js';
import { writeImageFolder } from '../../helpers/images.js';
import { temporaryFolder } from './images.js';

const folder = temporaryFolder();
const at = (...names: string[]) => path.join(folder.path, ...names);
const side = 12;
const pixels = 24 * side * side * 3;
let whole: Buffer;

beforeAll(async () => {
  await writeImageFolder(at('data'));
  await packData(at('data'), at('whole.pack'), { imageSize: side, workers: 0 });
  whole = await readFile(at('whole.pack'));
});

/** Opens bytes as a pack and reads all of its images. */
async function readAll(bytes: Uint8Array): Promise<number> {
  await writeFile(at('changed.pack'), bytes);
  const pack = await openPack(at('changed.pack'));
  const set = packedSet(pack, 'train')!;
  const loader = new ImageLoader({ ...pack.squares, workers: 0, cache: 'none', pack });
  try {
    expect(await loader.check([...pack.images.keys()])).toEqual([]);
    return (await loader.decode(set.images.map((image) => image.path))).length;
  } finally {
    await loader.close();
  }
}

async function refused(bytes: Uint8Array): Promise<string> {
  const error = await readAll(bytes).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(UserError);
  return (error as UserError).message;
}

const flipped = (place: number): Buffer => {
  const bytes = Buffer.from(whole);
  bytes[place]! ^= 1;
  return bytes;
};

/** The pack with another index, the checksums around it right. */
function withIndex(change: (lines: string[]) => unknown[]): Buffer {
  const lines = whole
    .subarray(preambleBytes + pixels)
    .toString()
    .trimEnd()
    .split('\n');
  const index = Buffer.from(
    change(lines)
      .map((line) => `${typeof line === 'string' ? line : JSON.stringify(line)}\n`)
      .join(''),
  );
  const indexHash = createHash('sha256').update(index).digest();
  const preamble = encodePreamble({ images: 24, imageSize: side, indexBytes: index.length, indexHash });
  return Buffer.concat([preamble, whole.subarray(preambleBytes, preambleBytes + pixels), index]);
}

interface Head {
  views: { root: string; labels: number[]; images: number[] }[];
  squares: Record<string, unknown>;
}
const withHead = (change: (head: Head) => void) =>
  withIndex(([first, ...images]) => {
    const head = JSON.parse(first!) as Head;
    change(head);
    return [head, ...images];
  });

describe('a pack', () => {
  it('is read whole, and has its pixels aligned for a device', async () => {
    expect(await readAll(whole)).toBe(pixels / 2);
    expect(preambleBytes % 4096).toBe(0);
  });

  it('is refused wherever a byte of it is another one', async () => {
    const inMagic = 3;
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: whole.length - 1 }), async (place) => {
        if (place < 12) return;
        expect(await refused(flipped(place))).toMatch(
          /^the pack .*changed\.pack is damaged: .* pack the images again\.$/,
        );
      }),
      {
        numRuns: 60,
        examples: [[12], [16], [24], [32], [40], [48], [60], [90], [130], [4095], [4096], [whole.length - 1]],
      },
    );
    // Then it is none.
    expect(whole[inMagic]).toBe('S'.charCodeAt(0));
  });

  it('names the image whose pixels are damaged', async () => {
    expect(await refused(flipped(preambleBytes + 3 * side * side * 3 + 5))).toMatch(
      /is damaged: the checksum of train\/train-1\/0\.png is another one\. Take another copy/,
    );
  });

  it('is refused when it is cut short or goes on', async () => {
    for (const length of [12, 4095, 4096, 5000, preambleBytes + pixels, whole.length - 1]) {
      expect(await refused(whole.subarray(0, length)), String(length)).toMatch(
        /is cut short: it (has|ends after) \d+ bytes/,
      );
    }
    expect(await refused(Buffer.concat([whole, Buffer.from('\n')]))).toMatch(
      /is damaged: it has \d+ bytes in place of/,
    );
  });

  it('of another version is named with both', async () => {
    const bytes = Buffer.from(whole);
    bytes.writeUInt32LE(2, 12);
    const rest = createHash('sha256').update(bytes.subarray(0, 88)).update(bytes.subarray(120, preambleBytes)).digest();
    bytes.set(rest, 88);
    expect(await refused(bytes)).toMatch(/is of format 2, and this version of dws reads 1: pack the images again/);
  });

  it('that tells of sizes which no file has is refused before anything of that size is made', async () => {
    const indexHash = new Uint8Array(32);
    for (const layout of [
      { images: 2 ** 45, imageSize: side, indexBytes: 5, indexHash },
      { images: 24, imageSize: 16_385, indexBytes: 5, indexHash },
      { images: 24, imageSize: 0, indexBytes: 5, indexHash },
      { images: 24, imageSize: side, indexBytes: 2 ** 40, indexHash },
    ]) {
      const bytes = Buffer.concat([encodePreamble(layout), whole.subarray(preambleBytes)]);
      expect(await refused(bytes)).toMatch(/is damaged: it tells of sizes that no pack has/);
    }
    const more = Buffer.concat([encodePreamble({ images: 2 ** 30, imageSize: side, indexBytes: 5, indexHash }), whole]);
    expect(await refused(more)).toMatch(/is cut short/);
  });

  it('whose index lies is refused, whatever its checksums', async () => {
    const cases: [Buffer, RegExp][] = [
      [withIndex(() => ['']), /line 1 of its index/],
      [
        withIndex((lines) => [...lines, lines[1]!.replace('0.png', '9.png')]),
        /its index is of other images than its pixels/,
      ],
      [withIndex(([first, one, ...rest]) => [first, one, one, ...rest.slice(1)]), /"two of one name"/],
      [
        withIndex(([first, one, ...rest]) => [first, one!.replace('train/train-0/0.png', '../0.png'), ...rest]),
        /path is/,
      ],
      [withIndex(([first, one, ...rest]) => [first, one!.replace('train-0', '.'), ...rest]), /a plain path/],
      [withIndex(([first, one, ...rest]) => [first, one!.replace('"crc32"', '"crc"'), ...rest]), /crc32 is missing/],
      [withHead(({ views }) => (views[0]!.images[0] = 99)), /its train names images or classes that there are not/],
      [withHead(({ views }) => (views[0]!.labels[0] = 99)), /its train names images or classes that there are not/],
      [withHead(({ views }) => views[0]!.labels.pop()), /its train names images or classes that there are not/],
      [withHead(({ views }) => (views[0]!.root = 'val')), /its train names images or classes that there are not/],
      [withHead(({ views }) => views.push(views[0]!)), /a split is there twice/],
      [withHead(({ squares }) => (squares['imageSize'] = 13)), /squares is|other images than its pixels/],
      [withHead(({ squares }) => (squares['resize'] = 'bend')), /squares is/],
    ];
    for (const [bytes, reason] of cases) expect(await refused(bytes)).toMatch(reason);
  });
});
