/**
 * `data.jsonl`: the images of a run, one JSON object a line, train before val and each split in its order. Its own
 * SHA-256 stands for the data set: it is the same wherever the folder is.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { ImageSet } from '../data/folder.js';
import type { Pack } from '../data/pack-file.js';
import { isPacked } from '../data/pack-index.js';
import { printableName } from '../base/printable-name.js';
import { UserError } from '../base/errors.js';
import { fileError, readWholeFile } from '../base/files.js';
import { forEachConcurrently } from '../base/concurrently.js';
import { sha256Of } from '../pretrained/cache.js';
import { HashCache } from './hash-cache.js';
import { count, fields, insidePath, oneOf, sha256, ShapeError, text } from '../base/shape.js';

const filesAtATime = 8;

/** Larger files are read in pieces. */
const wholeBytes = 16 * 2 ** 20;

const listed = fields({ sha256, split: oneOf('train', 'val'), label: count, class: text, path: insidePath });

export type ListedFile = ReturnType<typeof listed>;

export interface Listing {
  text: string;
  /** Of the text, in UTF-8. */
  sha256: string;
  train: number;
  val: number;
}

export interface ListOptions {
  signal?: AbortSignal;
  onProgress?: (done: number, total: number) => void;
  /** Reads every file, whatever the cache says. */
  fresh?: boolean;
}

type Hash = (file: string, set: ImageSet) => Promise<string>;

async function hashSet(set: ImageSet, hash: Hash): Promise<ListedFile[]> {
  const files = new Array<ListedFile>(set.images.length);
  await forEachConcurrently(set.images, filesAtATime, async ({ path: file, label }, index) => {
    const name = path.relative(set.root, file).replaceAll(path.sep, '/');
    files[index] = { sha256: await hash(file, set), split: set.split, label, class: set.classes[label]!, path: name };
  });
  return files;
}

async function hashFile(file: string, cache: HashCache, { signal, fresh }: ListOptions): Promise<string> {
  try {
    signal?.throwIfAborted();
    const stats = await stat(file);
    const known = fresh ? undefined : cache.get(file, stats);
    const read = async () =>
      createHash('sha256')
        .update(await readWholeFile(file))
        .digest('hex');
    const digest = known ?? (await (stats.size > wholeBytes ? sha256Of(file, signal) : read()));
    cache.set(file, stats, digest);
    return digest;
  } catch (error) {
    signal?.throwIfAborted();
    throw fileError(`can't read ${file}`, error);
  }
}

/** What a pack has kept of a file. */
function packedHash(file: string, pack: Pack): string {
  const image = pack.images.get(file);
  if (!image || !isPacked(image)) throw new UserError(`can't read ${file}: the pack has no such image`);
  return image.sha256;
}

/**
 * Hashes the images of both splits; of a pack, the hashes are those of the files that were packed.
 *
 *
 * @throws UserError when a file can't be read; the signal's reason when it is aborted
 */
export async function listData(
  splits: { train: ImageSet; val: ImageSet },
  options: ListOptions = {},
): Promise<Listing> {
  const { train, val } = splits;
  const total = train.images.length + val.images.length;
  let done = 0;
  const cache = await HashCache.open([train.root, val.root]);
  const hash: Hash = async (file, { pack }) => {
    const digest = pack ? packedHash(file, pack) : await hashFile(file, cache, options);
    options.signal?.throwIfAborted();
    options.onProgress?.(++done, total);
    return digest;
  };
  const files = [...(await hashSet(train, hash)), ...(await hashSet(val, hash))];
  await cache.save();
  const lines = files.map((file) => `${JSON.stringify(file)}\n`).join('');
  const digest = createHash('sha256').update(lines).digest('hex');
  return { text: lines, sha256: digest, train: train.images.length, val: val.images.length };
}

/**
 * @param file for the errors
 * @throws UserError naming the line that is no image
 */
export function decodeListing(lines: string, file: string): ListedFile[] {
  return lines.split('\n').flatMap((line, index) => {
    if (line === '') return [];
    try {
      return listed(JSON.parse(line), '');
    } catch (error) {
      const what = error instanceof ShapeError ? error.message.trim() : 'it is not JSON';
      throw new UserError(`${file} is damaged: line ${index + 1}: ${what}. Take another copy of the file.`);
    }
  });
}

/**
 * The files of a run's listing, or undefined where it is not there, or is another one than the run wrote.
 *
 * @throws UserError when it can't be read
 */
export async function readListing(file: string, written: string): Promise<ListedFile[] | undefined> {
  if (!existsSync(file)) return undefined;
  const bytes = await readWholeFile(file);
  const isIt = createHash('sha256').update(bytes).digest('hex') === written;
  return isIt ? decodeListing(new TextDecoder().decode(bytes), file) : undefined;
}

const placeOf = ({ split, path: file }: ListedFile): string => `${split}: ${file}`;

/** What happened to each file, in words: `train: a/1.png has another content`. */
export function listingChanges(before: readonly ListedFile[], after: readonly ListedFile[]): string[] {
  const now = new Map(after.map((file) => [placeOf(file), file]));
  const changes = before.flatMap((file) => {
    const found = now.get(placeOf(file));
    now.delete(placeOf(file));
    const place = printableName(placeOf(file));
    if (!found) return [`${place} is gone`];
    if (found.sha256 !== file.sha256) return [`${place} has another content`];
    if (found.label !== file.label)
      return [`${place} is of class ${found.label} (${printableName(found.class)}), was ${file.label}`];
    return found.class === file.class
      ? []
      : [`${place}: its class is called ${printableName(found.class)}, was ${printableName(file.class)}`];
  });
  return [...changes, ...[...now.keys()].map((place) => `${printableName(place)} is new`)];
}
