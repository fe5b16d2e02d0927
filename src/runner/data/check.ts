/** Finds files that cannot be decoded before a training that would stumble over them an hour later. */
import { UserError } from '../base/errors.js';
import type { ImageSet } from './folder.js';
import { classSizes, keepImages, nameOfSet, requireUsable } from './folder.js';
import { listSome } from '../base/list-some.js';
import type { BadImage, ImageLoader } from './loader.js';

export interface CheckOptions {
  /** Leaves bad images out instead of throwing. */
  skipBad: boolean;
  onProgress?: (checked: number, total: number) => void;
}

/** The images of a split that are used, the classes that these are of, and how many can't be read and are left out. */
export interface UsedImages {
  images: number;
  classes: number;
  skipped: number;
}

export const usedImages = (set: ImageSet, skipped: number): UsedImages => ({
  images: set.images.length,
  classes: classSizes(set).filter((size) => size > 0).length,
  skipped,
});

const imagesAtATime = 256;

/**
 * Decodes every image once; with a loader that caches in memory this also fills its cache.
 *
 * @returns the files that cannot be decoded, in the order of the set
 * @throws UserError when the cache would not fit into memory
 */
export async function checkImages(
  set: ImageSet,
  loader: ImageLoader,
  onProgress?: CheckOptions['onProgress'],
): Promise<BadImage[]> {
  const paths = set.images.map(({ path }) => path);
  loader.reserve(paths.length);
  const bad: BadImage[] = [];
  for (let start = 0; start < paths.length; start += imagesAtATime) {
    const some = paths.slice(start, start + imagesAtATime);
    for (const image of await loader.check(some)) bad.push(image);
    onProgress?.(start + some.length, paths.length);
  }
  return bad;
}

/** What is left of a set, and what was left out of it. */
export interface Usable {
  set: ImageSet;
  skipped: BadImage[];
}

/**
 * Checks a set and leaves out what cannot be decoded; classes keep their labels, even when nothing is left of them.
 *
 * @throws UserError that lists the bad files unless `skipBad` is set; also when too little is left of the set, or when
 * the cache would not fit into memory
 */
export const usableImages = async (
  set: ImageSet,
  loader: ImageLoader,
  { skipBad, onProgress }: CheckOptions,
): Promise<Usable> => withoutBad(set, await checkImages(set, loader, onProgress), skipBad);

/** @param skipped what a check has found @throws as `usableImages` */
export function withoutBad(set: ImageSet, skipped: BadImage[], skipBad: boolean): Usable {
  if (skipped.length === 0) return { set, skipped };
  if (!skipBad) {
    const advice = set.pack
      ? 'Leave them out with --skip-bad, or mend them and pack the images again.'
      : 'Mend or remove them, or leave them out with --skip-bad.';
    throw new UserError(
      `${skipped.length} of ${set.images.length} images in ${nameOfSet(set)} cannot be read:\n` +
        `${listSome(skipped.map(({ path, reason }) => `${path}: ${reason}`))}\n` +
        advice,
    );
  }
  const bad = new Set(skipped.map(({ path }) => path));
  const usable = keepImages(set, ({ path }) => !bad.has(path));
  requireUsable(usable);
  return { set: usable, skipped };
}
