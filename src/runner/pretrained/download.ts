/** A large file over HTTP onto the disk, going on where an earlier try broke off. */
import { open, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from '../base/errors.js';
import { errorCode, fileError } from '../base/files.js';

export interface Patience {
  /** Tries in a row that bring nothing, after which it gives up. */
  tries: number;
  /** Milliseconds before the next try; doubles with each that brought nothing. */
  pause: number;
  /** Milliseconds without a byte after which a connection counts as broken. */
  stall: number;
}

const defaultPatience: Patience = { tries: 4, pause: 500, stall: 30_000 };

export interface DownloadHooks {
  /** Bytes there, and in all; as many as are there where the server does not say. */
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
  patience?: Patience;
}

/** Why the network or the server did not give the file; completes "can't download X: ". */
export class DownloadError extends Error {
  override name = 'DownloadError';

  constructor(
    message: string,
    /** Whether it may go better next time. */
    readonly passing: boolean,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

const REASONS: Record<string, string> = {
  EAI_AGAIN: "the server's name can't be resolved; is there a network?",
  ENOTFOUND: "the server's name can't be resolved; is there a network?",
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection broke off',
  EHOSTUNREACH: "the server can't be reached; is there a network?",
  ENETUNREACH: "the server can't be reached; is there a network?",
  ETIMEDOUT: 'the server does not answer',
  UND_ERR_CONNECT_TIMEOUT: 'the server does not answer',
  UND_ERR_SOCKET: 'the connection broke off',
};

/** `fetch` says "fetch failed" or "terminated"; the reason is its cause. */
function networkError(error: unknown): DownloadError {
  if (error instanceof DownloadError) return error;
  const { cause = error, message } = error as Error;
  const code = errorCode(cause);
  const detail = cause instanceof Error ? cause.message : message;
  const reason = code === undefined ? detail : `${REASONS[code] ?? detail} (${code})`;
  return new DownloadError(reason, true, { cause: error });
}

const isPassing = (status: number): boolean => status === 408 || status === 429 || status >= 500;

class Download {
  private readonly patience: Patience;
  private total: number | undefined;

  constructor(
    private readonly address: string,
    private readonly path: string,
    private readonly file: FileHandle,
    /** Bytes in the file. */
    private size: number,
    private readonly hooks: DownloadHooks,
  ) {
    this.patience = hooks.patience ?? defaultPatience;
  }

  /** Tries until the file is whole. */
  async run(): Promise<void> {
    const { signal } = this.hooks;
    const { tries, pause } = this.patience;
    let furthest = this.size;
    for (let vain = 0; ;) {
      try {
        return await this.attempt();
      } catch (error) {
        signal?.throwIfAborted();
        if (error instanceof UserError) throw error;
        const failure = networkError(error);
        vain = this.size > furthest ? 0 : vain + 1;
        furthest = Math.max(furthest, this.size);
        if (!failure.passing || vain === tries) throw failure;
        // An abort ends the pause, and the next attempt throws its reason.
        await sleep(pause * 2 ** vain, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  /** One request, for what is missing. */
  private async attempt(): Promise<void> {
    const { signal } = this.hooks;
    signal?.throwIfAborted();
    const stalled = new AbortController();
    const { stall } = this.patience;
    const stop = () => stalled.abort(new DownloadError(`nothing has come for ${stall / 1000} s`, true));
    const timer = setTimeout(stop, stall);
    try {
      const response = await fetch(this.address, {
        // Compressed on the way, lengths and ranges would be those of other bytes.
        headers: { 'accept-encoding': 'identity', ...(this.size > 0 && { range: `bytes=${this.size}-` }) },
        signal: signal ? AbortSignal.any([signal, stalled.signal]) : stalled.signal,
      });
      if (await this.isWhole(response)) return;
      for await (const chunk of response.body!) {
        timer.refresh();
        await this.write(chunk as Uint8Array);
      }
      if (this.total !== undefined && this.size !== this.total) {
        throw new DownloadError(`the connection ended after ${this.size} of ${this.total} bytes`, true);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Looks at what the server answered, and gets the file ready for the bytes that follow.
   *
   * @returns whether the file has every byte already
   */
  private async isWhole({ status, statusText, headers, body }: Response): Promise<boolean> {
    const [, first, total] = /^bytes (?:(\d+)-\d+|\*)\/(\d+)$/.exec(headers.get('content-range') ?? '') ?? [];
    if (status === 416 && Number(total) === this.size) {
      await body?.cancel();
      return true;
    }
    if (status === 200) {
      // The whole file, whether or not a part was asked for.
      if (this.size > 0) await this.startAgain();
      const length = headers.get('content-length');
      this.total = length === null ? undefined : Number(length);
    } else if (status === 206 && Number(first) === this.size && Number(total) === (this.total ?? Number(total))) {
      this.total = Number(total);
    } else {
      await body?.cancel();
      if (status !== 206 && status !== 416) {
        throw new DownloadError(`the server answers ${status} ${statusText}`.trim(), isPassing(status));
      }
      await this.startAgain();
      throw new DownloadError('the server has another file now', true);
    }
    this.hooks.onProgress?.(this.size, this.total ?? this.size);
    return false;
  }

  private async startAgain(): Promise<void> {
    await this.onDisk(() => this.file.truncate(0));
    this.size = 0;
    this.total = undefined;
  }

  private async write(chunk: Uint8Array): Promise<void> {
    await this.onDisk(() => this.file.appendFile(chunk));
    this.size += chunk.length;
    this.hooks.onProgress?.(this.size, this.total ?? this.size);
  }

  /** Tells a failure of the disk from one of the network. */
  private async onDisk(task: () => Promise<void>): Promise<void> {
    await task().catch((error: unknown) => {
      throw fileError(`can't write ${this.path}`, error);
    });
  }
}

/**
 * Fetches a file. What an earlier call left at `path` is kept, and only the rest is asked for with a Range request; a
 * server that has no ranges, or a file of another length, makes it start again. Broken connections are tried again.
 *
 * @returns whether something of an earlier call was kept: its bytes are not known to be the file's
 * @throws DownloadError when the network or the server fails; what has come stays at `path`
 * @throws UserError when the disk fails; nothing stays
 * @throws the signal's reason when it is aborted; what has come stays
 */
export async function download(
  address: string,
  path: string,
  hooks: DownloadHooks = {},
): Promise<{ resumed: boolean }> {
  try {
    const file = await open(path, 'a');
    try {
      const { size } = await file.stat();
      await new Download(address, path, file, size, hooks).run();
      await file.sync();
      return { resumed: size > 0 };
    } finally {
      await file.close();
    }
  } catch (error) {
    hooks.signal?.throwIfAborted();
    if (error instanceof DownloadError) throw error;
    await rm(path, { force: true }).catch(() => undefined);
    throw fileError(`can't write ${path}`, error);
  }
}
