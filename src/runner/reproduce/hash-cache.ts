/** Hashes of a data set's files, kept in the user's cache by size and times, so that large sets are read once. */
import { createHash } from 'node:crypto';
import type { Stats } from 'node:fs';
import path from 'node:path';
import { cacheFolder } from '../base/cache-folder.js';
import { UserError } from '../base/errors.js';
import { ensureWritableFolder, readText, writeOwnFile } from '../base/files.js';
import { shortHash } from '../base/short-hash.js';

/** Undefined where this user has no folder for such things. */
async function hashesFolder(): Promise<string | undefined> {
  try {
    return path.join(await cacheFolder(), 'hashes');
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

/** A file that was changed so short before it was hashed may change again without another time. */
const settledMilliseconds = 2000;

/** Reading less again is as quick as looking it up, and leaves nothing behind. */
const worthBytes = 16 * 2 ** 20;

/** Size, time of the content, time of the entry, SHA-256. */
type Entry = [size: number, mtimeMs: number, ctimeMs: number, sha256: string];

const isEntry = (value: unknown): value is Entry =>
  Array.isArray(value) &&
  value.length === 4 &&
  value.slice(0, 3).every((entry) => typeof entry === 'number') &&
  /^[0-9a-f]{64}$/.test(String(value[3]));

/** A damaged or missing file holds nothing: it is a cache. */
async function readEntries(file: string | undefined): Promise<Map<string, Entry>> {
  if (file === undefined) return new Map();
  try {
    const entries = Object.entries(JSON.parse(await readText(file)) as Record<string, unknown>);
    return new Map(entries.filter((entry): entry is [string, Entry] => isEntry(entry[1])));
  } catch {
    return new Map();
  }
}

export class HashCache {
  private readonly kept: Record<string, Entry> = {};
  private bytes = 0;
  private readonly opened = Date.now();

  private constructor(
    private readonly file: string | undefined,
    private readonly known: Map<string, Entry>,
  ) {}

  /** @param roots the folders of a data set's images, absolute */
  static async open(roots: readonly string[]): Promise<HashCache> {
    const name = shortHash(createHash('sha256').update(roots.join('\0')).digest('hex'));
    const folder = await hashesFolder();
    const file = folder === undefined ? undefined : path.join(folder, `${name}.json`);
    return new HashCache(file, await readEntries(file));
  }

  /** @param file absolute; undefined is returned for one that is new or has another size or time */
  get(file: string, { size, mtimeMs, ctimeMs }: Stats): string | undefined {
    const [knownSize, knownMtime, knownCtime, sha256] = this.known.get(file) ?? [];
    return knownSize === size && knownMtime === mtimeMs && knownCtime === ctimeMs ? sha256 : undefined;
  }

  set(file: string, { size, mtimeMs, ctimeMs }: Stats, sha256: string): void {
    this.bytes += size;
    if (Math.max(mtimeMs, ctimeMs) > this.opened - settledMilliseconds) return;
    this.kept[file] = [size, mtimeMs, ctimeMs, sha256];
  }

  /** Writes what was set, where it is worth it; a cache that can't be written is done without. */
  async save(): Promise<void> {
    if (this.file === undefined || this.bytes < worthBytes) return;
    try {
      await ensureWritableFolder(path.dirname(this.file));
      await writeOwnFile(this.file, JSON.stringify(this.kept));
    } catch {
      // The next run reads the files again.
    }
  }
}
