/** What tells sets of images, and copies of one, apart without reading any: for ranks, whose machines may have copies of their own. */
import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { forEachConcurrently } from '../base/concurrently.js';
import type { ImageSet } from './folder.js';
import { isPacked } from './pack-index.js';

export interface Fingerprint {
  /** Of names, labels and sizes: equal for two copies of the same images, wherever they lie. */
  images: string;
  /** Equal where two processes see the very same files, also by a network: no copy gives a file the inode and the times of another. */
  copy: string;
}

const filesAtATime = 16;

/** A file that is gone is found by who reads it. */
const factsOf = (file: string) =>
  stat(file).then(
    ({ size, ino, mtimeMs, ctimeMs }) => ({ size, copy: [ino, mtimeMs, ctimeMs] }),
    () => ({ size: -1, copy: [] }),
  );

/** @param onFile called now and then */
export async function fingerprint({ root, images, pack }: ImageSet, onFile: () => void): Promise<Fingerprint> {
  const facts = new Map<string, Awaited<ReturnType<typeof factsOf>>>();
  const files = pack ? [pack.file] : images.map((image) => image.path);
  await forEachConcurrently(files, filesAtATime, async (file) => {
    facts.set(file, await factsOf(file));
    onFile();
  });
  const [content, copy] = [createHash('sha256'), createHash('sha256')];
  for (const file of files) copy.update(`${facts.get(file)!.copy.join()}\n`);
  for (const { path: file, label } of images) {
    const packed = pack?.images.get(file);
    const what = packed && isPacked(packed) ? packed.sha256 : facts.get(file)?.size;
    content.update(`${label} ${what} ${path.relative(root, file).replaceAll(path.sep, '/')}\n`);
  }
  return { images: content.digest('hex'), copy: copy.digest('hex') };
}
