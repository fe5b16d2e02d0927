/** Files of a server, with progress, and with errors that name the file. */
import type { DwsWebErrorCode } from './errors.js';
import { DwsWebError, printable, reasonOf } from './errors.js';

export interface Progress {
  /** Path within the folder that is loaded. */
  file: string;
  /** Bytes till now. */
  loaded: number;
  /** Bytes in all; absent when the server does not say, as with compressed answers. */
  total?: number;
}

export interface LoadHooks {
  onProgress?(progress: Progress): void;
  signal?: AbortSignal;
}

/** @param url relative to the page, in a worker to its script */
export function absoluteUrl(url: string | URL): URL {
  const { document, location } = globalThis as { document?: { baseURI: string }; location?: { href: string } };
  return new URL(url, document?.baseURI ?? location?.href);
}

export function folderUrl(url: string | URL): URL {
  const folder = absoluteUrl(url);
  if (!folder.pathname.endsWith('/')) folder.pathname += '/';
  return folder;
}

/** Characters of a file's name and the folders before it. */
const longestPath = 255;

/** Whether a file's name that the folder's JSON holds stays within the folder: no other server, no `..`. */
export function isBelow(folder: URL, file: unknown): file is string {
  if (typeof file !== 'string' || file.length > longestPath) return false;
  try {
    const { href } = new URL(file, folder);
    return href.startsWith(folder.href) && href !== folder.href;
  } catch {
    return false;
  }
}

/** Answers compressed on their way have another length than the file. */
function lengthOf({ headers }: Response): number | undefined {
  const length = Number(headers.get('content-length') ?? NaN);
  return headers.has('content-encoding') || !(length > 0) ? undefined : length;
}

/** Memory that grows as bytes come, the right size from the start where the length is known. */
class Collector {
  private bytes: Uint8Array<ArrayBuffer>;
  loaded = 0;

  constructor(expected = 2 ** 16) {
    this.bytes = new Uint8Array(expected);
  }

  add(chunk: Uint8Array): void {
    const end = this.loaded + chunk.length;
    if (end > this.bytes.length) {
      const grown = new Uint8Array(Math.max(end, 2 * this.bytes.length));
      grown.set(this.bytes);
      this.bytes = grown;
    }
    this.bytes.set(chunk, this.loaded);
    this.loaded = end;
  }

  take(): Uint8Array<ArrayBuffer> {
    return this.loaded === this.bytes.length ? this.bytes : this.bytes.slice(0, this.loaded);
  }
}

/** @throws DwsWebError `network` when the server can't be reached or does not have it; the signal's reason */
export async function fetchFile(url: URL, name: string, signal?: AbortSignal): Promise<Response> {
  const response = await fetch(url, { signal }).catch((error: unknown) => {
    signal?.throwIfAborted();
    const offline = globalThis.navigator?.onLine === false ? 'this device is offline' : reasonOf(error);
    throw new DwsWebError('network', `${printable(name)} can't be fetched from ${url}: ${offline}.`, { cause: error });
  });
  if (response.ok) return response;
  throw new DwsWebError('network', `${printable(name)} is not to be had: ${url} answers ${response.status}.`);
}

/**
 * @param file path within the folder
 * @throws DwsWebError `network` when it can't be fetched whole; the signal's reason when it is aborted
 */
export async function loadBytes(
  folder: URL,
  file: string,
  { onProgress, signal }: LoadHooks = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const url = new URL(file, folder);
  const response = await fetchFile(url, file, signal);
  const total = lengthOf(response);
  const collector = new Collector(total);
  const reader = response.body!.getReader();
  // Node.js's fetch leaves a read waiting for good when it is aborted after all of a body has come.
  const cancel = () => void reader.cancel().catch(() => undefined);
  signal?.addEventListener('abort', cancel, { once: true });
  try {
    for (;;) {
      const { done, value } = await reader.read();
      signal?.throwIfAborted();
      if (done) break;
      collector.add(value);
      onProgress?.({ file, loaded: collector.loaded, total });
    }
  } catch (error) {
    signal?.throwIfAborted();
    throw new DwsWebError(
      'network',
      `${printable(file)} broke off after ${collector.loaded} bytes: ${reasonOf(error)}.`,
      {
        cause: error,
      },
    );
  } finally {
    signal?.removeEventListener('abort', cancel);
  }
  return collector.take();
}

/**
 * The object in a JSON file.
 *
 * @param bad code of the error when it holds something else
 */
export async function loadJson(
  folder: URL,
  file: string,
  bad: DwsWebErrorCode,
  hooks: LoadHooks = {},
): Promise<Record<string, unknown>> {
  const text = new TextDecoder().decode(await loadBytes(folder, file, hooks));
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // Said below.
  }
  throw new DwsWebError(bad, `${new URL(file, folder)} holds something else than the JSON that belongs there.`);
}
