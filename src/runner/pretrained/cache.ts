/** The folder in which published weights are kept for the user, filled when a file is first asked for. */
import { createHash } from 'node:crypto';
import { rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { cacheFolder } from '../base/cache-folder.js';
import { UserError } from '../base/errors.js';
import { ensureWritableFolder, errorCode, fileError, openToRead } from '../base/files.js';
import type { DownloadHooks } from './download.js';
import { download, DownloadError } from './download.js';
import { withLock } from './lock.js';
import { knownHash, publishedAddress } from '../options/published.js';

/** @throws UserError as `cacheFolder` */
export const weightsFolder = async (): Promise<string> => join(await cacheFolder(), 'weights');

export interface CachedFile {
  path: string;
  /** In hexadecimal. */
  sha256: string;
}

export interface CacheOptions extends DownloadHooks {
  /** Where the files are published; ends in a slash. */
  address?: string;
  folder?: string;
  /** Called once, when another process is downloading the file. */
  onWaiting?: () => void;
}

/** @throws UserError when the file can't be read; the signal's reason when it is aborted */
export async function sha256Of(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  const file = await openToRead(path);
  try {
    await pipeline(file.createReadStream({ highWaterMark: 2 ** 20 }), hash, { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw fileError(`can't read ${path}`, error);
  } finally {
    await file.close();
  }
  return hash.digest('hex');
}

const sizeOf = async (path: string): Promise<number> => (await stat(path).catch(() => undefined))?.size ?? 0;

async function isThere(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch (error) {
    // ENOTDIR: the folder can't be there either, which is told when it is made.
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '')) return false;
    throw fileError(`can't read ${path}`, error);
  }
}

const byHand = (source: string, path: string): string =>
  `Fetch ${source} by other means and put it at ${path}, or give its path with --pretrained PATH`;

/** One published file, at its place in the cache. */
class CacheEntry {
  private readonly path: string;
  private readonly source: string;
  private readonly part: string;
  private readonly digits: string;

  constructor(
    file: string,
    private readonly folder: string,
    private readonly options: CacheOptions,
  ) {
    this.path = join(folder, file);
    this.part = `${this.path}.part`;
    this.source = new URL(file, options.address ?? publishedAddress).href;
    this.digits = knownHash(file);
  }

  async get(): Promise<CachedFile> {
    const { signal } = this.options;
    if (await isThere(this.path)) return this.verified(this.path, signal);
    await ensureWritableFolder(this.folder);
    return withLock(this.path, this.options, async (locked) => {
      // Whoever held the lock before may have put it there.
      if (await isThere(this.path)) return this.verified(this.path, locked);
      const { sha256 } = await this.fetchPart(locked);
      await rename(this.part, this.path).catch((error: unknown) => {
        throw fileError(`can't write ${this.path}`, error);
      });
      return { path: this.path, sha256 };
    });
  }

  /** Removes a file that is not the published one: it would fail again, or be trusted by someone else. */
  private async verified(path: string, signal?: AbortSignal): Promise<CachedFile> {
    const sha256 = await sha256Of(path, signal);
    if (sha256.startsWith(this.digits)) return { path, sha256 };
    await rm(path, { force: true });
    const told = sha256.slice(0, this.digits.length);
    const differs = told === sha256 ? `is ${told}, not ` : `begins with ${told}, not with `;
    throw new UserError(
      `${path} is not ${this.source} and was removed: its SHA-256 ${differs}${this.digits}. Try again; if that does not ` +
        `help, look for a proxy that alters files.\n${byHand(this.source, this.path)}`,
    );
  }

  private async fetchPart(signal: AbortSignal): Promise<CachedFile> {
    const { resumed } = await this.downloadPart(signal);
    try {
      return await this.verified(this.part, signal);
    } catch (error) {
      if (!resumed || !(error instanceof UserError)) throw error;
    }
    // What an earlier process had left may have been the wrong part of it.
    await this.downloadPart(signal);
    return this.verified(this.part, signal);
  }

  private async downloadPart(signal: AbortSignal): Promise<{ resumed: boolean }> {
    try {
      return await download(this.source, this.part, { ...this.options, signal });
    } catch (error) {
      if (!(error instanceof DownloadError)) throw error;
      const kept = (await sizeOf(this.part)) > 0 ? ' What has come is kept, and the next try goes on from there.' : '';
      throw new UserError(
        `can't download ${this.source}: ${error.message}.${kept}\n${byHand(this.source, this.path)}`,
        {
          cause: error,
        },
      );
    }
  }
}

/**
 * A published file in the user's cache, downloaded if it is not there; its SHA-256 is checked either way, as far
 * as it is known: see `knownHash`. Two processes that want it at once download it once.
 *
 * @param file a name of `publishedFiles`
 * @throws UserError when it can't be downloaded (says how to place it by hand), stored or read, or is not the published one;
 *   the signal's reason when it is aborted (what has come is kept)
 */
export const cachedWeights = async (file: string, options: CacheOptions = {}): Promise<CachedFile> =>
  new CacheEntry(file, options.folder ?? (await weightsFolder()), options).get();
