/** Images -> what a page needs to search among them, see `GalleryInfo`. */
import path from 'node:path';
import { makingFolder } from '../base/files.js';
import type { GalleryDtype, GalleryInfo } from '../../graph/artifacts/gallery.js';
import { galleryFile } from '../../graph/artifacts/gallery.js';
import type { BadImage } from '../data/loader.js';
import type { PassedOver } from '../data/passed-over.js';
import type { EmbedOptions } from '../evaluation/embed.js';
import { embedWith } from '../evaluation/embed.js';
import { galleryDefaults, withDefaults } from '../options/defaults.js';
import { findImages } from '../evaluation/find-images.js';
import { mapEmbeddings } from './gallery-map.js';
import { makeSheets } from './gallery-thumbs.js';
import { requireProvider } from '../compute/session.js';
import { requireReplaceable, writeFolder } from '../base/replace-folder.js';
import { loadModules } from '../modules/load.js';
import { loadNetwork } from '../checkpoints/trained-network.js';
import { modelHash } from '../web-folder/model-hash.js';
import { requirePaths } from '../base/require-paths.js';

/** What is being done: decoding every image once, embedding them, drawing small ones, laying out the map. */
export type GalleryStage = 'check' | 'embed' | 'thumbs' | 'map';

/** How a gallery is made; nothing has to be given. */
export interface GalleryOptions extends Omit<EmbedOptions, 'resize' | 'resizeTo' | 'ranks' | 'rankTimeout'> {
  /** How embeddings are stored. Default: float32. */
  dtype?: GalleryDtype;
  /** Width and height of the small images, in pixels: at most 512. Default: 64. */
  thumbSize?: number;
  /** Whether to compute a map. Default: true. */
  map?: boolean;
  /** Whether to write what the last layer takes, so that pages can search with one that learned there. Default: false. */
  features?: boolean;
}

/** Who hears of a gallery being made, and what ends it. */
export interface GalleryHooks {
  onProgress?: (stage: GalleryStage, done: number, total: number) => void;
  signal?: AbortSignal;
}

/** The gallery that was written. */
export interface MadeGallery {
  info: GalleryInfo;
  /** Size of all files together. */
  bytes: number;
  /** Images that can't be read, with `skipBad`. */
  skipped: BadImage[];
  /** What lies in the folders and is no image that can be read. */
  passedOver: PassedOver[];
}

/** What lies in the folder. */
const contents = [galleryFile, 'embeddings.bin', 'features.bin', 'map.bin', 'thumbs'];

/** One scale for all: the values of embeddings, of length 1, lie in [-1, 1]. */
const int8Scale = 1 / 127;

const encoders: Record<GalleryDtype, (values: Float32Array, scale?: number) => Uint8Array> = {
  float32: ({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength),
  int8: (values, scale = int8Scale) =>
    new Uint8Array(Int8Array.from(values, (value) => Math.round(value / scale)).buffer),
};

/** Of values of any size: the largest is 127 steps. */
const scaleFor = (values: Float32Array): number =>
  values.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 127 || 1;

interface Named {
  /** What a page shows: the path within the folder that was given, with the folder's own name before it when several were given. */
  name: string;
  /** Of the class: as in a training's data, the first folder below the one that was given. */
  label: string;
}

/** @returns by image file */
async function namedImages(roots: readonly string[], passedOver: PassedOver[]): Promise<Map<string, Named>> {
  const named = new Map<string, Named>();
  for (const root of roots) {
    const base = roots.length > 1 ? path.dirname(path.resolve(root)) : root;
    const files = await findImages([root], (_, passed) => {
      for (const each of passed) passedOver.push(each);
    });
    const insides = files.map((file) => path.relative(root, file).split(path.sep));
    // Of several folders, one with images directly in it is a class.
    const isClass = roots.length > 1 && insides.some(({ length }) => length === 1);
    files.forEach((file, i) => {
      const inside = insides[i]!;
      const name = path.relative(base, file) || path.basename(file);
      const own = path.basename(inside[0] === '' ? path.dirname(path.resolve(file)) : path.resolve(root));
      const label = inside.length > 1 && !isClass ? inside[0]! : own;
      named.set(file, { name: name.split(path.sep).join('/'), label });
    });
  }
  return named;
}

/**
 * Embeds images and writes them as a folder of their own, to be put beside what `dws export --web` writes: `gallery.json`,
 * `embeddings.bin`, `map.bin`, `thumbs/`, and `features.bin` where it is asked for. An image's class is the name of the first folder
 * below the one given, or of that one. The folder is written whole or not at all; an older gallery is replaced.
 *
 * @param roots image files, and folders of them at any depth
 * @throws UserError for a checkpoint or device that can't be used, an image that can't be read unless `skipBad` is set, and
 *   a folder that can't be written or holds other things; the signal's reason when it is aborted
 */
export async function makeGallery(
  checkpointPath: string,
  roots: readonly string[],
  out: string,
  given: GalleryOptions = {},
  hooks: GalleryHooks = {},
): Promise<MadeGallery> {
  requirePaths('makeGallery', { checkpointPath, ...roots, out });
  return makingFolder(path.dirname(out), () => writeGallery(checkpointPath, roots, out, given, hooks));
}

async function writeGallery(
  checkpointPath: string,
  roots: readonly string[],
  out: string,
  given: GalleryOptions,
  { onProgress, signal }: GalleryHooks,
): Promise<MadeGallery> {
  const stage = (name: GalleryStage) => (done: number, total: number) => onProgress?.(name, done, total);
  const options = withDefaults('makeGallery', given, galleryDefaults);
  requireProvider(options);
  await requireReplaceable(out, contents);
  const loaded = loadModules(options.modules).then((modules) => loadNetwork(checkpointPath, modules));
  const passedOver: PassedOver[] = [];
  const [trained, named] = await Promise.all([loaded, namedImages(roots, passedOver)]);
  const { embeddings, dim, paths, skipped, features } = await embedWith(trained, [...named.keys()], options, {
    onCheck: stage('check'),
    onProgress: stage('embed'),
    signal,
  });
  const { dtype, thumbSize, workers } = options;
  const { files: sheets, ...thumbs } = await makeSheets(
    paths,
    thumbSize,
    { workers },
    {
      onProgress: stage('thumbs'),
      signal,
    },
  );
  const map = options.map
    ? await mapEmbeddings(embeddings, dim, options, { onProgress: stage('map'), signal })
    : undefined;

  const featureScale = features && dtype === 'int8' ? scaleFor(features) : undefined;
  const info: GalleryInfo = {
    format: 1,
    modelHash: modelHash(trained),
    model: trained.network.model,
    count: paths.length,
    dim,
    dtype,
    scale: dtype === 'int8' ? int8Scale : undefined,
    embeddings: 'embeddings.bin',
    ids: paths.map((file) => named.get(file)!.name),
    labels: paths.map((file) => named.get(file)!.label),
    map: map && 'map.bin',
    features: features && { file: 'features.bin', dim: trained.network.featDim, scale: featureScale },
    thumbs,
  };
  const files = new Map<string, Uint8Array>([
    [info.embeddings, encoders[dtype](embeddings)],
    ...sheets.map((sheet, i) => [thumbs.sheets[i]!, sheet] as const),
    [galleryFile, new TextEncoder().encode(`${JSON.stringify(info)}\n`)],
  ]);
  if (features) files.set(info.features!.file, encoders[dtype](features, featureScale));
  if (map) files.set(info.map!, encoders.float32(map));
  await writeFolder(out, files);
  return { info, bytes: [...files.values()].reduce((sum, { length }) => sum + length, 0), skipped, passedOver };
}
