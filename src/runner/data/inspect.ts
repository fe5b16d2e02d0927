/** What images are like by their headers, and what is unusual about them although they can be used. */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { Metadata } from 'sharp';
import sharp from 'sharp';
import { forEachConcurrently } from '../prepare/concurrently.js';
import { BadImageError, readHeader } from './decode.js';
import { isPrintable } from './printable-name.js';

export interface ImageFacts {
  path: string;
  /** Size of the file. */
  bytes: number;
  width: number;
  height: number;
  /** Keys of `unusual`. */
  unusual: Unusual[];
}

/** 64 megapixels decode slowly; more than most cameras make. */
const hugePixels = 2 ** 26;

const smallest = 8;

const suffixes = (format: string): readonly string[] =>
  (sharp.format as unknown as Record<string, { input: { fileSuffix?: string[] } } | undefined>)[format]?.input
    .fileSuffix ?? [];

function hasOtherExtension(header: Metadata, file: string): boolean {
  const own = suffixes(header.format);
  return own.length > 0 && !own.some((suffix) => file.toLowerCase().endsWith(suffix));
}

const emoji = /\p{Extended_Pictographic}/u;

const isOddName = (name: string) => !isPrintable(name) || emoji.test(name) || name !== name.trim();

interface Oddity {
  /** What happens to such images. */
  text: string;
  holds: (header: Metadata, file: string) => boolean;
}

const oddities = {
  CMYK: { text: 'converted to RGB', holds: ({ space }) => space === 'cmyk' },
  '16-bit': { text: 'reduced to 8 bits', holds: ({ depth }) => depth !== 'uchar' },
  animated: { text: 'the first frame is used', holds: ({ pages = 1 }) => pages > 1 },
  extension: { text: 'the content is of another format than the name says', holds: hasOtherExtension },
  huge: { text: 'slow to decode', holds: ({ width, height }) => width * height > hugePixels },
  tiny: { text: `fewer than ${smallest} pixels wide or high`, holds: (header) => smallSide(header) < smallest },
  name: {
    text: 'control characters, emoji or outer blanks in the name',
    holds: (_, file) => isOddName(path.basename(file)),
  },
} satisfies Record<string, Oddity>;

function smallSide({ width, height }: Metadata): number {
  return Math.min(width, height);
}

export type Unusual = keyof typeof oddities;

/** What becomes of an image of each kind. */
export const unusualTexts = Object.fromEntries(
  Object.entries(oddities).map(([kind, { text }]) => [kind, text]),
) as Record<Unusual, string>;

const kindsOf = (header: Metadata, file: string) =>
  (Object.entries(oddities) as [Unusual, Oddity][])
    .filter(([, { holds }]) => holds(header, file))
    .map(([kind]) => kind);

/** Headers that are read at the same time. */
const headersAtOnce = 8;

/**
 * Reads the headers of images that can be decoded.
 *
 * @returns in the order of `paths`, without files that vanished or were damaged since they were checked
 */
export async function inspectImages(
  paths: readonly string[],
  onProgress?: (done: number, total: number) => void,
): Promise<ImageFacts[]> {
  const facts = new Array<ImageFacts | undefined>(paths.length);
  let done = 0;
  await forEachConcurrently(paths, headersAtOnce, async (file, index) => {
    try {
      const header = await readHeader(file);
      const { width, height } = header.autoOrient;
      facts[index] = { path: file, bytes: (await stat(file)).size, width, height, unusual: kindsOf(header, file) };
    } catch (error) {
      if (!(error instanceof BadImageError)) throw error;
    }
    onProgress?.(++done, paths.length);
  });
  return facts.filter((each) => each !== undefined);
}
