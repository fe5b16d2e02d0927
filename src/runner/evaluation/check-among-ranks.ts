/** Images checked by all ranks, each its share of a copy of the data. */
import { hostname } from 'node:os';
import type { Ranks } from '../compute/ranks.js';
import type { CheckOptions } from '../data/check.js';
import { checkImages } from '../data/check.js';
import { fingerprint } from '../data/fingerprint.js';
import type { ImageSet } from '../data/folder.js';
import type { BadImage, ImageLoader } from '../data/loader.js';

/** What a rank says of its images, before it checks some and after. */
interface Copy {
  host: string;
  copy: string;
}
type Found = [place: number, reason: string][];

/** A rank's part of a list, in whole batches but for the last. @returns places, the second one beyond it */
export function shareOf(count: number, batchSize: number, rank: number, size: number): [begin: number, end: number] {
  const share = Math.ceil(count / batchSize / size) * batchSize;
  return [Math.min(rank * share, count), Math.min((rank + 1) * share, count)];
}

/**
 * As `checkImages`. Ranks that see the same files divide them: those of a machine, and of machines with a folder in common. Of images that
 * machines have copies of, each copy is checked, and what is bad in one is bad on all ranks.
 *
 * @param options.batchSize of which each rank takes whole ones, as `embedAmongRanks` does, so that it reads what it will embed
 * @returns on each rank, under its own paths, the bad ones of all
 * @throws UserError naming the first rank whose images have other names, labels or sizes; as `checkImages`
 */
export async function checkAmongRanks(
  set: ImageSet,
  loader: ImageLoader,
  ranks: Ranks,
  { onProgress, batchSize = 1 }: { onProgress?: CheckOptions['onProgress']; batchSize?: number } = {},
): Promise<BadImage[]> {
  if (ranks.size === 1) return checkImages(set, loader, onProgress);
  const { images } = set;
  const own = await fingerprint(set, ranks.worked);
  await ranks.requireSame({ images: own.images });
  const copies = (await ranks.exchange(JSON.stringify({ host: hostname(), copy: own.copy }))).map(
    (text) => JSON.parse(text) as Copy,
  );
  const together = [...copies.keys()].filter((rank) => copies[rank]!.copy === own.copy);
  const [begin, end] = shareOf(images.length, batchSize, together.indexOf(ranks.rank), together.length);
  // Each rank may come to need all of them.
  loader.reserve(images.length);
  const bad = await checkImages({ ...set, images: images.slice(begin, end) }, loader, (done) => {
    ranks.worked();
    onProgress?.(Math.min(done * together.length, images.length), images.length);
  });
  const places = new Map(images.map((image, place) => [image.path, place]));
  const found = bad.map(({ path, reason }): Found[number] => [places.get(path)!, reason]);
  const all = (await ranks.exchange(JSON.stringify(found))).map((text) => JSON.parse(text) as Found);
  const isOneCopy = together.length === ranks.size;
  const reasons = new Map<number, string>();
  for (const [rank, some] of all.entries())
    for (const [place, reason] of some)
      if (!reasons.has(place)) reasons.set(place, isOneCopy ? reason : `${reason} (on ${copies[rank]!.host})`);
  return [...reasons].sort(([a], [b]) => a - b).map(([place, reason]) => ({ path: images[place]!.path, reason }));
}
