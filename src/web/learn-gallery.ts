/** A gallery as a learned head sees it: its images embedded anew, out of what `dws gallery --features` wrote. */
import type { GalleryInfo } from '../graph/artifacts/gallery.js';
import { DwsWebError } from './errors.js';
import type { Neighbor } from './gallery.js';
import { loadValues } from './gallery.js';
import type { Head } from './learn-head.js';
import { applyHead } from './learn-head.js';
import type { LoadHooks } from './load.js';
import { folderUrl, isBelow } from './load.js';
import { Search } from './search.js';
import { isCount, isNumber, isRecord, mostBytes } from './values.js';

const bytesOf = { float32: 4, int8: 1 } as const;

/** Milliseconds after which a page gets its turn. */
const turn = 20;

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

/** @throws DwsWebError `no-features`, `bad-gallery` */
function featuresOf({ features, count, dtype }: GalleryInfo, folder: URL): NonNullable<GalleryInfo['features']> {
  if (features === undefined) {
    throw new DwsWebError(
      'no-features',
      'The gallery does not have what the last layer takes of its images. Make it anew with dws gallery --features.',
    );
  }
  const { file, dim, scale }: { file?: unknown; dim?: unknown; scale?: unknown } = isRecord(features) ? features : {};
  const isWhole =
    isBelow(folder, file) &&
    isCount(dim) &&
    dim > 0 &&
    4 * count * dim <= mostBytes &&
    (dtype === 'float32' ? scale === undefined || scale === 1 : isNumber(scale) && scale > 0);
  if (isWhole) return features;
  throw new DwsWebError(
    'bad-gallery',
    `${folder} does not describe its features whole. Make it anew with dws gallery.`,
  );
}

/** Images embedded by a learned head. */
export class LearnedGallery {
  private readonly finder: Search;

  /** @param embeddings [count, dim] */
  constructor(
    private readonly info: GalleryInfo,
    embeddings: Float32Array,
    private readonly dim: number,
  ) {
    this.finder = new Search({ data: embeddings, dim, scale: 1 });
  }

  /**
   * The k nearest images, as `Gallery.search` finds them.
   *
   * @param query [embedDim], of the same head: `HeadTrainer.apply` or `applyHead`
   * @throws RangeError for a query of another dimension, with a number that is not finite, or a k that is not an integer of 1 or more
   */
  search(query: Float32Array, k: number): Neighbor[] {
    if (query.length !== this.dim)
      throw new RangeError(`search: the query has ${query.length} values, not ${this.dim}`);
    if (!Number.isInteger(k) || k < 1) throw new RangeError(`search: k = ${k} is not an integer of 1 or more`);
    if (!query.every(Number.isFinite)) throw new RangeError('search: the query has a number that is not finite');
    const { ids, labels } = this.info;
    return this.finder
      .nearest(query, k)
      .map(({ index, distance }) => ({ index, id: ids[index]!, label: labels[index]!, distance }));
  }
}

/**
 * What the last layer takes of each image of a gallery.
 *
 * ```ts
 * const images = await GalleryFeatures.load('/web/gallery/', gallery.info);
 * const learned = await images.embed(trainer.head);
 * const nearest = learned.search(trainer.apply((await model.features(photo)).features), 12);
 * ```
 */
export class GalleryFeatures {
  private constructor(
    private readonly info: GalleryInfo,
    private readonly data: Float32Array | Int8Array,
    private readonly dim: number,
    private readonly scale: number,
  ) {}

  /**
   * @param url the folder that `dws gallery --features` wrote
   * @param info of `Gallery.info`
   * @throws DwsWebError `no-features` when it was written without, `network`, `bad-gallery`; the signal's reason
   */
  static async load(url: string | URL, info: GalleryInfo, hooks: LoadHooks = {}): Promise<GalleryFeatures> {
    const folder = folderUrl(url);
    const { file, dim, scale = 1 } = featuresOf(info, folder);
    const buffer = await loadValues(folder, file, info.count * dim * bytesOf[info.dtype], hooks);
    const data = info.dtype === 'int8' ? new Int8Array(buffer) : new Float32Array(buffer);
    return new GalleryFeatures(info, data, dim, scale);
  }

  /**
   * Embeds all images by a head; the page gets its turn meanwhile.
   *
   * @throws DwsWebError `gallery-mismatch` when the head takes other features, `bad-gallery` when these are no numbers; the signal's
   *   reason
   */
  async embed(head: Head, { signal }: { signal?: AbortSignal } = {}): Promise<LearnedGallery> {
    const { data, dim, scale, info } = this;
    if (dim !== head.featDim) {
      throw new DwsWebError(
        'gallery-mismatch',
        `The gallery has ${dim} features of an image, the learned layer takes ${head.featDim}.`,
      );
    }
    const embeddings = new Float32Array(info.count * head.embedDim);
    let begun = performance.now();
    for (let i = 0; i < info.count; i++) {
      const features = Float32Array.from(data.subarray(i * dim, (i + 1) * dim), (value) => value * scale);
      if (!features.every(Number.isFinite)) {
        throw new DwsWebError(
          'bad-gallery',
          'The gallery has features that are not finite. Make it anew with dws gallery.',
        );
      }
      embeddings.set(applyHead(head, features), i * head.embedDim);
      if (performance.now() - begun < turn) continue;
      await pause();
      signal?.throwIfAborted();
      begun = performance.now();
    }
    return new LearnedGallery(info, embeddings, head.embedDim);
  }
}
