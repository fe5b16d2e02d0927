/** `dws pack`: the images of a data set, decoded, in one file that trainings read in place. */
import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import type { Squares } from '../../graph/preprocessing.js';
import { destinationOf } from '../base/destination.js';
import { UserError } from '../base/errors.js';
import {
  ensureWritableFolder,
  errorCode,
  fileError,
  makingFolder,
  removeLeftovers,
  writeAll,
  writeFileBy,
} from '../base/files.js';
import { printableName } from '../base/printable-name.js';
import { isInsidePath } from '../base/shape.js';
import { listSome } from '../base/list-some.js';
import { lackOfRoom } from '../checkpoints/room.js';
import type { UsedImages } from '../data/check.js';
import { usedImages } from '../data/check.js';
import type { ImageSet } from '../data/folder.js';
import { readImageBytes } from '../data/image-file.js';
import type { BadImage } from '../data/loader.js';
import { ImageLoader } from '../data/loader.js';
import type { IndexedImage, PackedView } from '../data/pack-index.js';
import { encodeIndex, isPacked } from '../data/pack-index.js';
import { isPackFile } from '../data/pack-file.js';
import { encodePreamble, packedBytes, preambleBytes } from '../data/pack-layout.js';
import type { PassedOver } from '../data/passed-over.js';
import type { Everything } from '../data-sets/open-everything.js';
import { openEverything } from '../data-sets/open-everything.js';
import { pack as packFormat } from '../data-sets/pack.js';
import { packDefaults, withDefaults } from '../options/defaults.js';
import { requirePackRules } from '../options/rules.js';
import type { ImageFacts } from '../survey/inspect.js';
import { inspectImages } from '../survey/inspect.js';
import { requirePaths } from '../base/require-paths.js';
import { isThere } from '../base/is-there.js';

/** How images become squares, and which; as in the training that is to read them. */
export interface PackOptions extends Partial<Squares> {
  /** Threads that decode images; 0 decodes in the calling thread. Default: 4. */
  workers?: number;
  /** Keeps files that can't be read as such, for trainings with `skipBad`, instead of throwing. Default: false. */
  skipBad?: boolean;
}

/** Who hears of the packing, and what ends it. */
export interface PackHooks {
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}

/** What was packed. */
export interface PackedData {
  /** Absolute. */
  file: string;
  bytes: number;
  squares: Squares;
  /** Images that have pixels. */
  images: number;
  /** Images of each split, or of all that may be divided (`whole`), counted as a training counts them. */
  views: ({ name: PackedView['name'] } & UsedImages)[];
  skipped: BadImage[];
  passedOver: PassedOver[];
}

/** What the index takes of an image, about: for the room on the disk. */
const indexBytesEach = 300;

/** Memory for decoded images, about, of which there are two at a time. */
const decodedBytes = 32 * 2 ** 20;

/** Folder that all paths are relative to: the data's, or a list's. */
const baseOf = ({ place }: Everything): string => (place.isFolder ? place.path : path.dirname(place.path));

/** @throws UserError for a name that would lead elsewhere on another system */
function insideOf(base: string, file: string): string {
  const inside = path.relative(base, file).split(path.sep).join('/');
  if (inside === '' || isInsidePath(inside)) return inside;
  throw new UserError(`${printableName(file)} can't be packed: its name means another place elsewhere. Rename it.`);
}

function viewOf(
  name: PackedView['name'],
  set: ImageSet,
  base: string,
  places: ReadonlyMap<string, number>,
): PackedView {
  const { root, classes, images, roles, passedOver } = set;
  return {
    ...{ name, root: insideOf(base, root), classes },
    images: images.map((image) => places.get(image.path)!),
    labels: images.map(({ label }) => label),
    ...(roles && { roles: roles.map(({ isQuery, isGallery }) => Number(isQuery) + 2 * Number(isGallery)) }),
    ...(passedOver && { passedOver: passedOver.map((each) => ({ ...each, path: insideOf(base, each.path) })) }),
  };
}

/** Where a pack is written, at the end of all links. @throws UserError for what is no pack, an argument in the wrong place */
async function packTarget(file: string, { place }: Everything): Promise<string> {
  const { target, isFile } = await destinationOf(file).catch((error: unknown) => {
    throw fileError(`can't write ${file}`, error);
  });
  if (!isFile) {
    const what = (await isThere(target))
      ? 'it is a pipe or a device, and a pack is a file'
      : 'no file can be made there';
    throw new UserError(`can't write ${file}: ${what}. Give the name of a file on a disk.`);
  }
  const found = await stat(target).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return undefined;
    throw fileError(`can't write ${file}`, error);
  });
  if (found?.isDirectory() || file.endsWith('/'))
    throw new UserError(`can't write ${file}: it is a folder. Give the name of a file.`);
  const isOther = found !== undefined && (target === place.path || (found.size > 0 && !(await isPackFile(target))));
  if (isOther) throw new UserError(`can't write ${file}: there is a file of that name already, which is no pack.`);
  return target;
}

const sha256Of = async (file: string): Promise<string> =>
  createHash('sha256')
    .update(await readImageBytes(file))
    .digest('hex');

interface Packing {
  files: readonly string[];
  base: string;
  squares: Squares;
  loader: ImageLoader;
}

/** Decodes images in turn and writes the pixels of those that can be read. */
async function writePixels(
  file: FileHandle,
  { files, base, squares, loader }: Packing,
  { onProgress, signal }: PackHooks,
): Promise<IndexedImage[]> {
  const imageBytes = packedBytes(squares.imageSize);
  const atATime = Math.max(1, Math.min(256, Math.floor(decodedBytes / imageBytes)));
  const images: IndexedImage[] = [];
  const decode = (start: number) => {
    const decoded = loader.decodeGood(files.slice(start, start + atATime));
    // Reported when its turn comes.
    decoded.catch(() => undefined);
    return decoded;
  };
  let next = decode(0);
  for (let start = 0; start < files.length; start += atATime) {
    signal?.throwIfAborted();
    const some = files.slice(start, start + atATime);
    const { pixels, bad } = await next;
    if (start + atATime < files.length) next = decode(start + atATime);
    const reasons = new Map(bad.map((image) => [image.path, image.reason]));
    const facts = await factsOf(some.filter((name) => !reasons.has(name)));
    for (const [i, name] of some.entries()) {
      const inside = insideOf(base, name);
      const reason = reasons.get(name);
      if (reason !== undefined) {
        images.push({ path: inside, reason });
        continue;
      }
      const square = pixels.subarray(i * imageBytes, (i + 1) * imageBytes);
      const { bytes, width, height, unusual, sha256 } = facts.get(name)!;
      images.push({ path: inside, sha256, bytes, width, height, unusual, crc32: crc32(square) });
      await writeAll(file, square);
    }
    onProgress?.(start + some.length, files.length);
  }
  signal?.throwIfAborted();
  return images;
}

/** @throws UserError for a file that was changed or removed since it was decoded */
async function factsOf(files: readonly string[]): Promise<Map<string, ImageFacts & { sha256: string }>> {
  const found = new Map((await inspectImages(files)).map((facts) => [facts.path, facts]));
  const all = new Map<string, ImageFacts & { sha256: string }>();
  for (const file of files) {
    const facts = found.get(file);
    if (!facts) throw new UserError(`${file} was changed while it was packed. Pack the images again.`);
    all.set(file, { ...facts, sha256: await sha256Of(file) });
  }
  return all;
}

function usedOf(set: ImageSet, skipped: readonly BadImage[]): UsedImages {
  const bad = new Set(skipped.map((image) => image.path));
  const images = set.images.filter((image) => !bad.has(image.path));
  return usedImages({ ...set, images }, set.images.length - images.length);
}

function requireGood(bad: readonly BadImage[], total: number, dataPath: string): void {
  if (bad.length === 0) return;
  throw new UserError(
    `${bad.length} of ${total} images in ${dataPath} cannot be read:\n` +
      `${listSome(bad.map(({ path: name, reason }) => `${name}: ${reason}`))}\n` +
      `Mend or remove them, or pack with --skip-bad, and train with it.`,
  );
}

/**
 * Decodes all images of a data set into one file, which `dataPath` of trainings, evaluations and checks then takes. It holds
 * what is listed, of all splits; what is taken of it is decided there. Written whole or not at all.
 *
 * @param dataPath what `openData` takes
 * @throws UserError for data, options or a file that can't be used, for images that can't be read unless `skipBad` is set, and where
 *   the disk has no room; the signal's reason when it is aborted
 */
export async function packData(
  dataPath: string,
  file: string,
  given: PackOptions = {},
  hooks: PackHooks = {},
): Promise<PackedData> {
  const { workers, skipBad, imageSize, resizeTo = imageSize, ...how } = withDefaults('packData', given, packDefaults);
  requirePaths('packData', { dataPath, file });
  const squares = { imageSize, resizeTo, ...how };
  requirePackRules({ ...squares, workers, skipBad });
  const everything = await openEverything(dataPath, { skipBad });
  if (everything.format === packFormat) throw new UserError(`${dataPath} is a pack already. Give what it was made of.`);
  const target = await packTarget(file, everything);
  const base = baseOf(everything);
  const sets = Object.entries(everything.sets) as [PackedView['name'], ImageSet][];
  const files = [...new Set(sets.flatMap(([, set]) => set.images.map((image) => image.path)))];
  const folder = path.dirname(path.resolve(file));
  const needed = preambleBytes + files.length * (packedBytes(imageSize) + indexBytesEach);
  // It may be as large as what is to be written.
  await removeLeftovers(target);
  const lack = await lackOfRoom(folder, needed);
  if (lack !== undefined) {
    throw new UserError(`can't write ${file}: it takes ${lack}; free some space or choose another folder.`);
  }
  for (const name of files) insideOf(base, name);
  const places = new Map(files.map((name, place) => [name, place]));
  const views = sets.map(([name, set]) => viewOf(name, set, base, places));
  const loader = new ImageLoader({ ...squares, workers, cache: 'none' });
  let packed: Pick<PackedData, 'bytes' | 'images' | 'skipped'> | undefined;
  const fill = async (handle: FileHandle) => {
    await writeAll(handle, new Uint8Array(preambleBytes));
    const images = await writePixels(handle, { files, base, squares, loader }, hooks);
    const skipped = images.flatMap((image, i) => (isPacked(image) ? [] : [{ path: files[i]!, reason: image.reason }]));
    if (!skipBad) requireGood(skipped, files.length, dataPath);
    const hash = createHash('sha256');
    let indexBytes = 0;
    for (const line of encodeIndex({ squares, views, images })) {
      await writeAll(handle, line);
      hash.update(line);
      indexBytes += line.length;
    }
    const count = images.length - skipped.length;
    const preamble = encodePreamble({ images: count, imageSize, indexBytes, indexHash: hash.digest() });
    await handle.write(preamble, 0, preamble.length, 0);
    packed = { bytes: preambleBytes + count * packedBytes(imageSize) + indexBytes, images: count, skipped };
  };
  try {
    await makingFolder(folder, async () => {
      await ensureWritableFolder(folder);
      await writeFileBy(target, fill, hooks.signal);
    });
  } finally {
    await loader.close();
  }
  return {
    file: path.resolve(file),
    squares,
    views: sets.map(([name, set]) => ({ name, ...usedOf(set, packed!.skipped) })),
    passedOver: [...new Map(sets.flatMap(([, set]) => set.passedOver ?? []).map((each) => [each.path, each])).values()],
    ...packed!,
  };
}
