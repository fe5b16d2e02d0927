/** Images -> what a page needs to search among them, see `GalleryInfo`. */
import path from 'node:path';
import type { GalleryDtype, GalleryInfo } from '../graph/gallery.js';
import { galleryFile } from '../graph/gallery.js';
import type { BadImage } from './data/loader.js';
import type { EmbedOptions } from './embed.js';
import { embedWith } from './embed.js';
import { findImages } from './find-images.js';
import { mapEmbeddings } from './gallery-map.js';
import { makeSheets } from './gallery-thumbs.js';
import { requireProvider } from './ort.js';
import { requireReplaceable, writeFolder } from './replace-folder.js';
import { loadNetwork } from './trained-network.js';
import { modelHash } from './web-folder/model-hash.js';

export type GalleryStage = 'check' | 'embed' | 'thumbs' | 'map';

export interface GalleryOptions extends Omit<EmbedOptions, 'resize'> {
  dtype: GalleryDtype;
  /** Width and height of the small images, in pixels: at most 512. */
  thumbSize: number;
  /** Whether to compute a map. */
  map: boolean;
}

export interface GalleryHooks {
  onProgress?: (stage: GalleryStage, done: number, total: number) => void;
  signal?: AbortSignal;
}

export interface MadeGallery {
  info: GalleryInfo;
  /** Size of all files together. */
  bytes: number;
  /** Images that can't be read, with `skipBad`. */
  skipped: BadImage[];
}

/** What lies in the folder. */
const contents = [galleryFile, 'embeddings.bin', 'map.bin', 'thumbs'];

/** One scale for all: the values of embeddings, of length 1, lie in [-1, 1]. */
const int8Scale = 1 / 127;

const encoders: Record<GalleryDtype, (embeddings: Float32Array) => Uint8Array> = {
  float32: ({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength),
  int8: (embeddings) => new Uint8Array(Int8Array.from(embeddings, (value) => Math.round(value / int8Scale)).buffer),
};

/**
 * Image files by the names that a page shows: the path within the folder that was given, with the folder's own name before
 * it when several were given.
 */
async function namedImages(roots: readonly string[]): Promise<Map<string, string>> {
  const names = new Map<string, string>();
  for (const root of roots) {
    const base = roots.length > 1 ? path.dirname(path.resolve(root)) : root;
    for (const file of await findImages([root])) {
      const name = path.relative(base, file) || path.basename(file);
      names.set(file, name.split(path.sep).join('/'));
    }
  }
  return names;
}

const labelOf = (file: string): string => path.basename(path.dirname(path.resolve(file)));

/**
 * Embeds images and writes them as a folder of their own, to be put beside what `dws export --web` writes: `gallery.json`,
 * `embeddings.bin`, `map.bin` and `thumbs/`. An image's class is the name of the folder that it lies in. The folder is
 * written whole or not at all; an older gallery is replaced.
 *
 * @param roots image files, and folders of them at any depth
 * @throws UserError for a checkpoint or device that can't be used, an image that can't be read unless `skipBad` is set, and
 *   a folder that can't be written or holds other things; the signal's reason when it is aborted
 */
export async function makeGallery(
  checkpointPath: string,
  roots: readonly string[],
  out: string,
  options: GalleryOptions,
  { onProgress, signal }: GalleryHooks = {},
): Promise<MadeGallery> {
  const stage = (name: GalleryStage) => (done: number, total: number) => onProgress?.(name, done, total);
  requireProvider(options);
  await requireReplaceable(out, contents);
  const [trained, names] = await Promise.all([loadNetwork(checkpointPath), namedImages(roots)]);
  const { embeddings, dim, paths, skipped } = await embedWith(trained, [...names.keys()], options, {
    onCheck: stage('check'),
    onProgress: stage('embed'),
    signal,
  });
  const { dtype, thumbSize, workers } = options;
  const { files: sheets, ...thumbs } = await makeSheets(paths, thumbSize, workers, {
    onProgress: stage('thumbs'),
    signal,
  });
  const map = options.map
    ? await mapEmbeddings(embeddings, dim, options, { onProgress: stage('map'), signal })
    : undefined;

  const info: GalleryInfo = {
    format: 1,
    modelHash: modelHash(trained),
    model: trained.network.model,
    count: paths.length,
    dim,
    dtype,
    scale: dtype === 'int8' ? int8Scale : undefined,
    embeddings: 'embeddings.bin',
    ids: paths.map((file) => names.get(file)!),
    labels: paths.map(labelOf),
    map: map && 'map.bin',
    thumbs,
  };
  const files = new Map<string, Uint8Array>([
    [info.embeddings, encoders[dtype](embeddings)],
    ...sheets.map((sheet, i) => [thumbs.sheets[i]!, sheet] as const),
    [galleryFile, new TextEncoder().encode(`${JSON.stringify(info)}\n`)],
  ]);
  if (map) files.set(info.map!, encoders.float32(map));
  await writeFolder(out, files);
  return { info, bytes: [...files.values()].reduce((sum, { length }) => sum + length, 0), skipped };
}
