/** The listing of a run's images, and the cache of their hashes. */
import { createHash } from 'node:crypto';
import { readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ImageSet } from '../../../src/runner/data/folder.js';
import { decodeListing, listData, listingChanges, readListing } from '../../../src/runner/reproduce/data-listing.js';
import { HashCache } from '../../../src/runner/reproduce/hash-cache.js';
import { temporaryFolder } from '../data/images.js';
import { writeFiles } from '../data/images.js';

const folder = temporaryFolder();
const at = (...names: string[]) => path.join(folder.path, ...names);
const cacheBefore = process.env.DWS_CACHE;

beforeAll(() => {
  process.env.DWS_CACHE = at('cache');
});
afterAll(() => {
  process.env.DWS_CACHE = cacheBefore;
});

const digest = (content: Uint8Array | string) => createHash('sha256').update(content).digest('hex');
const hourAgo = new Date(Date.now() - 3_600_000);

const set = (split: ImageSet['split'], names: string[], root = at('data')): ImageSet => ({
  ...{ root, split, classes: ['a', 'b'] },
  images: names.map((name, i) => ({ path: path.join(root, name), label: i % 2 })),
});

beforeEach(() =>
  writeFiles(at('data'), { 'a/1.png': 'one', 'b/new\nline.png': 'two', 'v/1.png': 'three', 'v/2.png': 'four' }),
);

describe('a listing', () => {
  const sets = () => ({ train: set('train', ['a/1.png', 'b/new\nline.png']), val: set('val', ['v/1.png', 'v/2.png']) });

  it('has a line for each image, train before val, and is read back', async () => {
    const listing = await listData(sets());
    expect(listing).toMatchObject({ train: 2, val: 2, sha256: digest(listing.text) });
    expect(decodeListing(listing.text, 'here')).toEqual([
      { sha256: digest('one'), split: 'train', label: 0, class: 'a', path: 'a/1.png' },
      { sha256: digest('two'), split: 'train', label: 1, class: 'b', path: 'b/new\nline.png' },
      { sha256: digest('three'), split: 'val', label: 0, class: 'a', path: 'v/1.png' },
      { sha256: digest('four'), split: 'val', label: 1, class: 'b', path: 'v/2.png' },
    ]);
  });

  it('is the same wherever the folder is', async () => {
    await writeFiles(at('elsewhere'), { 'a/1.png': 'one', 'v/1.png': 'three' });
    const of = (root: string) =>
      listData({ train: set('train', ['a/1.png'], root), val: set('val', ['v/1.png'], root) });
    expect((await of(at('elsewhere'))).sha256).toBe((await of(at('data'))).sha256);
  });

  it('names an image that cannot be read, and ends when it is told to', async () => {
    const gone = { ...sets(), val: set('val', ['v/9.png']) };
    await expect(listData(gone)).rejects.toThrow(`can't read ${at('data', 'v/9.png')}: no such file`);
    await expect(listData(sets(), { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
  });

  it('tells what has happened to each file', () => {
    const file = { split: 'train', label: 0, class: 'a' } as const;
    const before = ['same', 'gone', 'other', 'moved', 'renamed'].map((name) => ({ ...file, path: name, sha256: name }));
    const after = [
      before[0]!,
      { ...before[2]!, sha256: 'x' },
      { ...before[3]!, label: 1, class: 'b' },
      { ...before[4]!, class: 'c' },
      { ...file, path: 'new', sha256: 'new' },
    ];
    expect(listingChanges(before, after)).toEqual([
      'train: gone is gone',
      'train: other has another content',
      'train: moved is of class 1 (b), was 0',
      'train: renamed: its class is called c, was a',
      'train: new is new',
    ]);
  });

  it('counts only as the run wrote it', async () => {
    const listing = await listData(sets());
    await writeFile(at('data.jsonl'), listing.text);
    expect(await readListing(at('data.jsonl'), listing.sha256)).toHaveLength(4);
    expect(await readListing(at('data.jsonl'), digest('another'))).toBeUndefined();
    expect(await readListing(at('none.jsonl'), listing.sha256)).toBeUndefined();
    expect(() => decodeListing(`${listing.text}{"path":1}\n`, 'here')).toThrow(
      'here is damaged: line 5: sha256 is missing',
    );
  });
});

describe('the cache of hashes', () => {
  const file = () => at('data', 'v/1.png');
  const large = { size: 2 ** 25 };
  /** Stats of a file that has settled and is large enough to be worth an entry. */
  async function settled() {
    const stats = await stat(file());
    return Object.assign(stats, large, { mtimeMs: +hourAgo, ctimeMs: +hourAgo });
  }

  it('knows a file by its size and times', async () => {
    const stats = await settled();
    const first = await HashCache.open([at('data')]);
    expect(first.get(file(), stats)).toBeUndefined();
    first.set(file(), stats, digest('kept'));
    await first.save();
    const second = await HashCache.open([at('data')]);
    expect(second.get(file(), stats)).toBe(digest('kept'));
    for (const key of ['size', 'mtimeMs', 'ctimeMs'] as const) {
      expect(second.get(file(), Object.assign(Object.create(stats) as typeof stats, { [key]: 1 }))).toBeUndefined();
    }
    expect((await HashCache.open([at('other')])).get(file(), stats)).toBeUndefined();
  });

  it('keeps both splits of one folder, and nothing of a file that is still being written', async () => {
    const stats = await settled();
    const cache = await HashCache.open([at('both'), at('both')]);
    cache.set(at('both/1'), stats, digest('1'));
    cache.set(at('both/2'), stats, digest('2'));
    cache.set(at('both/3'), Object.assign(Object.create(stats) as typeof stats, { mtimeMs: Date.now() }), digest('3'));
    await cache.save();
    const again = await HashCache.open([at('both'), at('both')]);
    expect(['1', '2', '3'].map((name) => again.get(at('both', name), stats))).toEqual([
      digest('1'),
      digest('2'),
      undefined,
    ]);
  });

  it('is left unwritten for data that is read in a moment, and is no cache when it is damaged', async () => {
    const before = await readdir(at('cache/hashes'));
    await utimes(file(), hourAgo, hourAgo);
    await listData({ train: set('train', ['v/1.png']), val: set('val', ['v/2.png']) });
    expect(await readdir(at('cache/hashes'))).toEqual(before);
    const name = before[0]!;
    for (const text of ['', '[]', '{"x":[1,2]}', '{"x":[1,2,3,"no"]}', 'null']) {
      await writeFile(at('cache/hashes', name), text);
      const cache = await HashCache.open([at('data')]);
      expect(cache.get('x', await settled())).toBeUndefined();
    }
    expect(await readFile(at('cache/hashes', name), 'utf8')).toBe('null');
  });
});
