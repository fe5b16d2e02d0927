/** The images to search: what `dws gallery` wrote. */
import type { GalleryInfo } from '../graph/artifacts/gallery.js';
import { galleryFile } from '../graph/artifacts/gallery.js';
import type { WebModelInfo } from '../graph/artifacts/web-model.js';
import { DwsWebError, printable } from './errors.js';
import type { LoadHooks } from './load.js';
import { folderUrl, isBelow, loadBytes, loadJson } from './load.js';
import { Search } from './search.js';
import { areTexts, isCount, isNumber, isRecord, isText, mostBytes } from './values.js';

export interface Neighbor {
  /** Place in the gallery. */
  index: number;
  id: string;
  label: string;
  /** Euclidean. */
  distance: number;
}

/** A square of a sprite sheet. */
export interface Thumbnail {
  /** URL of the sheet. */
  sheet: string;
  /** Left and upper edge on the sheet, in pixels. */
  x: number;
  y: number;
  /** Width and height in pixels. */
  size: number;
}

const bytesOf = { float32: 4, int8: 1 } as const;

/** Of `gallery.json`: names and labels of more than a million images. */
const mostJson = 2 ** 27;

/** The largest side of a sheet in thumbnails, more than any browser draws; the largest dimension, more than any network has. */
const mostAcross = 2 ** 16;

function areThumbs(value: unknown, count: number, folder: URL): boolean {
  if (!isRecord(value)) return false;
  const { size, columns, rows, sheets } = value;
  const sides = [size, columns, rows];
  return (
    sides.every((side) => isCount(side) && side > 0 && side <= mostAcross) &&
    Array.isArray(sheets) &&
    sheets.every((sheet) => isBelow(folder, sheet)) &&
    sheets.length * (columns as number) * (rows as number) >= count
  );
}

function isInfo(value: Record<string, unknown>, folder: URL): boolean {
  const { format, modelHash, model, count, dim, dtype, scale, embeddings, ids, labels, map, thumbs } = value;
  return (
    format === 1 &&
    isText(modelHash) &&
    isText(model) &&
    isCount(count) &&
    isCount(dim) &&
    dim > 0 &&
    dim <= mostAcross &&
    4 * count * dim <= mostBytes &&
    (dtype === 'float32' ? scale === undefined || scale === 1 : dtype === 'int8' && isNumber(scale) && scale > 0) &&
    areTexts(ids, count) &&
    areTexts(labels, count) &&
    isBelow(folder, embeddings) &&
    (map === undefined || isBelow(folder, map)) &&
    areThumbs(thumbs, count, folder)
  );
}

function checkInfo(value: Record<string, unknown>, folder: URL): GalleryInfo {
  if (isInfo(value, folder)) return value as unknown as GalleryInfo;
  throw new DwsWebError(
    'bad-gallery',
    `${new URL(galleryFile, folder)} does not describe a gallery of format 1. Make it anew with dws gallery of this version.`,
  );
}

function checkModel({ dim, modelHash, model }: GalleryInfo, expected: WebModelInfo): void {
  const remedy = 'Make the gallery anew with dws gallery and the checkpoint that was exported.';
  if (dim !== expected.embedDim) {
    throw new DwsWebError(
      'gallery-mismatch',
      `The gallery's embeddings have ${dim} dimensions, those of the model ${expected.embedDim}. ${remedy}`,
    );
  }
  if (modelHash !== expected.modelHash) {
    throw new DwsWebError(
      'gallery-mismatch',
      `The gallery was made with another model (${printable(`${model} ${modelHash}`)}) than this one (${expected.model} ` +
        `${expected.modelHash}). ${remedy}`,
    );
  }
}

/** @throws DwsWebError `bad-gallery` unless the file has the size that its use needs */
export async function loadValues(folder: URL, file: string, bytes: number, hooks: LoadHooks): Promise<ArrayBuffer> {
  const bound = {
    bytes,
    code: 'bad-gallery',
    by: `${galleryFile} leads to; copy the gallery to the server again, whole`,
  } as const;
  const { buffer, length } = await loadBytes(folder, file, bound, hooks);
  if (length === bytes) return buffer;
  throw new DwsWebError(
    'bad-gallery',
    `${new URL(file, folder)} has ${length} bytes in place of ${bytes}. Copy the gallery to the server again, whole.`,
  );
}

/**
 * A gallery of `dws gallery`.
 *
 * ```ts
 * const gallery = await Gallery.load('/models/icons/gallery/', model.info);
 * for (const { id, distance } of gallery.search(await model.embed(file), 10)) console.log(id, distance);
 * ```
 */
export class Gallery {
  private readonly finder: Search;

  private constructor(
    private readonly folder: URL,
    readonly info: GalleryInfo,
    data: Float32Array | Int8Array,
    /** [count, 2], x and y in [0, 1] on the map; undefined when the gallery has none. */
    readonly positions: Float32Array | undefined,
  ) {
    this.finder = new Search({ data, dim: info.dim, scale: info.scale ?? 1 });
  }

  /**
   * @param url the folder that `dws gallery` wrote
   * @param model of `EmbeddingModel.info`: the gallery has to be made with it
   * @throws DwsWebError `network` when a file can't be fetched, `bad-gallery` when it is not what it should be, `gallery-mismatch`
   *   when the gallery was made with another model; the signal's reason when it is aborted
   */
  static async load(url: string | URL, model?: WebModelInfo, hooks: LoadHooks = {}): Promise<Gallery> {
    const folder = folderUrl(url);
    const info = checkInfo(await loadJson(folder, galleryFile, mostJson, 'bad-gallery', hooks), folder);
    if (model) checkModel(info, model);
    const { count, dim, dtype, embeddings, map } = info;
    const [values, places] = await Promise.all([
      loadValues(folder, embeddings, count * dim * bytesOf[dtype], hooks),
      map === undefined ? undefined : loadValues(folder, map, count * 8, hooks),
    ]);
    // Both are little-endian, as every machine is that browsers run on.
    const data = dtype === 'int8' ? new Int8Array(values) : new Float32Array(values);
    return new Gallery(folder, info, data, places && new Float32Array(places));
  }

  /**
   * The k nearest images, exactly: all are compared.
   *
   * @param query [dim], of `EmbeddingModel.embed`
   * @returns closest first, of equal distances the lower index first; all images when there are fewer than k
   * @throws DwsWebError `gallery-mismatch` for a query of another dimension
   * @throws RangeError when k is not an integer of 1 or more, or the query has a number that is not finite
   */
  search(query: Float32Array, k: number): Neighbor[] {
    const { dim, ids, labels } = this.info;
    if (query.length !== dim) {
      throw new DwsWebError('gallery-mismatch', `The query has ${query.length} dimensions, the gallery ${dim}.`);
    }
    if (!Number.isInteger(k) || k < 1) throw new RangeError(`search: k = ${k} is not an integer of 1 or more`);
    if (!query.every(Number.isFinite)) throw new RangeError('search: the query has a number that is not finite');
    return this.finder
      .nearest(query, k)
      .map(({ index, distance }) => ({ index, id: ids[index]!, label: labels[index]!, distance }));
  }

  /** Where the small image of a place in the gallery is. */
  thumbnail(index: number): Thumbnail {
    const { size, columns, rows, sheets } = this.info.thumbs;
    const place = index % (columns * rows);
    return {
      sheet: new URL(sheets[Math.floor(index / (columns * rows))]!, this.folder).href,
      x: (place % columns) * size,
      y: Math.floor(place / columns) * size,
      size,
    };
  }
}
