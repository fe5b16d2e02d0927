/** What images are like by their headers, and what is unusual about them although they can be used. */
import { stat } from 'node:fs/promises';
import { errorCode, fileError } from '../base/files.js';
import path from 'node:path';
import { forEachConcurrently } from '../base/concurrently.js';
import type { ImageHeader } from '../data/header.js';
import { readHeader } from '../data/header.js';
import { BadImageError } from '../data/image-file.js';
import { hasEndingOf } from '../data/image-formats.js';
import type { Pack } from '../data/pack-file.js';
import { isPacked } from '../data/pack-index.js';
import { isPrintable } from '../base/printable-name.js';

export interface ImageFacts {
  path: string;
  /** Size of the file. */
  bytes: number;
  width: number;
  height: number;
  /** Keys of `unusual`. */
  unusual: Unusual[];
  /** Of the file, where it is known already. */
  sha256?: string;
}

/** 64 megapixels decode slowly; more than most cameras make. */
const hugePixels = 2 ** 26;

const smallest = 8;

/** A name without an ending says nothing. */
const hasOtherExtension = ({ format }: ImageHeader, file: string): boolean =>
  path.extname(file) !== '' && !hasEndingOf(format, file);

const emoji = /\p{Extended_Pictographic}/u;

const isOddName = (name: string) => !isPrintable(name) || emoji.test(name) || name !== name.trim();

interface Oddity {
  /** What happens to such images. */
  text: string;
  holds: (header: ImageHeader, file: string) => boolean;
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

function smallSide({ width, height }: ImageHeader): number {
  return Math.min(width, height);
}

export type Unusual = keyof typeof oddities;

/** What becomes of an image of each kind. */
export const unusualTexts = Object.fromEntries(
  Object.entries(oddities).map(([kind, { text }]) => [kind, text]),
) as Record<Unusual, string>;

const kindsOf = (header: ImageHeader, file: string) =>
  (Object.entries(oddities) as [Unusual, Oddity][])
    .filter(([, { holds }]) => holds(header, file))
    .map(([kind]) => kind);

/** What was found when the images were packed, of those that could be read; as `inspectImages`. */
export const packedFacts = (pack: Pack, paths: readonly string[]): ImageFacts[] =>
  paths.flatMap((file) => {
    const image = pack.images.get(file);
    if (!image || !isPacked(image)) return [];
    const { bytes, width, height, unusual, sha256 } = image;
    return [{ path: file, bytes, width, height, unusual: unusual.filter(isUnusual), sha256 }];
  });

const isUnusual = (kind: string): kind is Unusual => Object.hasOwn(oddities, kind);

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
      const isGone = error instanceof BadImageError || errorCode(error) === 'ENOENT';
      if (!isGone) throw errorCode(error) === undefined ? error : fileError(`can't read ${file}`, error);
    }
    onProgress?.(++done, paths.length);
  });
  return facts.filter((each) => each !== undefined);
}
