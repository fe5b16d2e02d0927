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

/** The most that a file may hold: what other files say of it, or what none exceeds. */
export interface Bound {
  bytes: number;
  /** Of the error for a longer one. */
  code: DwsWebErrorCode;
  /** Who says so, in words that follow "the N bytes that". */
  by: string;
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

  /** @throws DwsWebError with the bound's code, like `add`, for what is longer, and where memory ends */
  constructor(
    private readonly name: string,
    private readonly bound: Bound,
    expected = Math.min(2 ** 16, bound.bytes),
  ) {
    this.bytes = this.allocate(expected);
  }

  private allocate(bytes: number): Uint8Array<ArrayBuffer> {
    const { bytes: most, code, by } = this.bound;
    const name = printable(this.name);
    if (bytes > most) throw new DwsWebError(code, `${name} is longer than the ${most} bytes that ${by}.`);
    try {
      return new Uint8Array(bytes);
    } catch (cause) {
      throw new DwsWebError(code, `There is no memory left for ${name}, ${bytes} bytes.`, { cause });
    }
  }

  add(chunk: Uint8Array): void {
    const end = this.loaded + chunk.length;
    if (end > this.bytes.length) {
      const grown = this.allocate(Math.max(end, Math.min(2 * this.bytes.length, this.bound.bytes)));
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
 * The content of an answer.
 *
 * @param name the file's, for errors and progress
 * @throws DwsWebError `network` when it breaks off; the bound's code when it is longer, before more of it is taken; the signal's reason
 *   when it is aborted
 */
export async function readBody(
  response: Response,
  name: string,
  bound: Bound,
  { onProgress, signal }: LoadHooks = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const reader = response.body?.getReader();
  if (!reader) throw new DwsWebError('network', `${printable(name)} came without any content from ${response.url}.`);
  // Node.js's fetch leaves a read waiting for good when it is aborted after all of a body has come.
  const cancel = () => void reader.cancel().catch(() => undefined);
  signal?.addEventListener('abort', cancel, { once: true });
  let loaded = 0;
  try {
    const total = lengthOf(response);
    const collector = new Collector(name, bound, total);
    for (;;) {
      const { done, value } = await reader.read();
      signal?.throwIfAborted();
      if (done) return collector.take();
      collector.add(value);
      loaded = collector.loaded;
      onProgress?.({ file: name, loaded, total });
    }
  } catch (error) {
    cancel();
    signal?.throwIfAborted();
    if (error instanceof DwsWebError) throw error;
    throw new DwsWebError('network', `${printable(name)} broke off after ${loaded} bytes: ${reasonOf(error)}.`, {
      cause: error,
    });
  } finally {
    signal?.removeEventListener('abort', cancel);
  }
}

/**
 * @param file path within the folder
 * @throws DwsWebError `network` when it can't be fetched, and as `readBody`
 */
export async function loadBytes(
  folder: URL,
  file: string,
  bound: Bound,
  hooks: LoadHooks = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetchFile(new URL(file, folder), file, hooks.signal);
  return readBody(response, file, bound, hooks);
}

/** Ends with the signal's reason, whatever is waited for. */
export async function unlessAborted<T>(job: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return job;
  signal.throwIfAborted();
  let stop!: () => void;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason as Error);
    signal.addEventListener('abort', stop, { once: true });
  });
  return Promise.race([job, aborted]).finally(() => signal.removeEventListener('abort', stop));
}

/**
 * The object in a JSON file.
 *
 * @param most bytes that it may have
 * @param bad code of the error when it has more, or holds something else
 */
export async function loadJson(
  folder: URL,
  file: string,
  most: number,
  bad: DwsWebErrorCode,
  hooks: LoadHooks = {},
): Promise<Record<string, unknown>> {
  const text = new TextDecoder().decode(
    await loadBytes(folder, file, { bytes: most, code: bad, by: 'such a file may have' }, hooks),
  );
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // Said below.
  }
  throw new DwsWebError(bad, `${new URL(file, folder)} holds something else than the JSON that belongs there.`);
}
