/** Hashes of a data set's files, kept in the user's cache by size and times, so that large sets are read once. */
import { createHash } from 'node:crypto';
import type { Stats } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import envPaths from 'env-paths';
import { ensureWritableFolder, writeFileAtomic } from '../files.js';

/** `hashes` in the platform's cache folder, or in the one that the environment variable DWS_CACHE names. */
const hashesFolder = (): string => path.join(process.env.DWS_CACHE || envPaths('dws', { suffix: '' }).cache, 'hashes');

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
async function readEntries(file: string): Promise<Map<string, Entry>> {
  try {
    const entries = Object.entries(JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>);
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
    private readonly file: string,
    private readonly known: Map<string, Entry>,
  ) {}

  /** @param roots the folders of a data set's images, absolute */
  static async open(roots: readonly string[]): Promise<HashCache> {
    const name = createHash('sha256').update(roots.join('\0')).digest('hex').slice(0, 16);
    const file = path.join(hashesFolder(), `${name}.json`);
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
    if (this.bytes < worthBytes) return;
    try {
      await ensureWritableFolder(path.dirname(this.file));
      await writeFileAtomic(this.file, JSON.stringify(this.kept));
    } catch {
      // The next run reads the files again.
    }
  }
}
