/** Decodes lists of image files in worker threads, or reads them from a pack. */
import os from 'node:os';
import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import { UserError } from '../base/errors.js';
import { workerFile } from '../base/worker-file.js';
import type { Squares } from '../../graph/preprocessing.js';
import { wholeSquares } from '../../graph/preprocessing.js';
import { BadImageError } from './image-file.js';
import type { Pack } from './pack-file.js';
import { flipHorizontally } from './mirror.js';
import { requirePackedSquares } from './pack-file.js';
import { isPacked } from './pack-index.js';
import { PackReader } from './pack-reader.js';
import type { DecodeFailure, DecodeTask } from './decode-task.js';
import { runDecodeTask } from './decode-task.js';
import { sizeText } from '../base/size-text.js';

/** How images are decoded; where `resizeTo` and `filter` are not given, into whole squares by the filter `triangle`. */
export interface ImageLoaderOptions
  extends Pick<Squares, 'imageSize' | 'resize'>, Partial<Pick<Squares, 'resizeTo' | 'filter'>> {
  /**
   * Decoding threads; 0 decodes in this thread, one image after another. sharp works on libuv's thread pool, so that more
   * than four pay only when the environment variable UV_THREADPOOL_SIZE is raised before Node.js starts.
   */
  workers: number;
  /** `ram` keeps every decoded image (unflipped). */
  cache: 'none' | 'ram';
  /** Where the images lie decoded, in these squares; then there are no threads. @internal */
  pack?: Pack;
}

/** An image that can't be read, and why. */
export interface BadImage {
  path: string;
  reason: string;
}

/** While ONNX Runtime blocks the main thread, nothing can be posted: this many calls of `decode` are posted ahead. */
const tasksPostedAhead = 4;

/** The part of the free memory that the cache may take; the rest is for the training itself. */
const cacheShare = 0.8;

/** Images are checked at this size when their pixels are not kept: JPEG and WebP decode faster to small sizes. */
const checkSize = 8;

/** Makes threads stop taking images off a task: beyond any list's length, with room left to count on. */
const stop = 2 ** 30;

/** What is left of the machine's memory, or of the container's, in bytes. */
const availableMemory = () => (process.availableMemory as (() => number) | undefined)?.() ?? os.freemem();

/** Decodes images into arrays, in threads of its own; to be closed. */
export class ImageLoader {
  /** Size of one decoded image: imageSize * imageSize * 3. */
  readonly imageBytes: number;
  private readonly pool: Piscina<DecodeTask, DecodeFailure[]> | undefined;
  private readonly cache: Map<string, Uint8Array> | undefined;
  private readonly running = new Map<Int32Array, Promise<unknown>>();
  /** End what is decoding, for want of threads. */
  private readonly giveUp = new Set<(error: Error) => void>();
  // V8 does not count shared memory when it decides to collect garbage: buffers are used again instead.
  private readonly spare: SharedArrayBuffer[] = [];
  private readonly packed: PackReader | undefined;
  private closed = false;
  /** Why there are fewer threads than there should be. */
  private lost: UserError | undefined;

  private readonly squares: Squares;

  /** @throws UserError for a pack of other squares */
  constructor(private readonly options: ImageLoaderOptions) {
    const { imageSize, resizeTo = imageSize, resize, filter = 'triangle' } = options;
    this.squares = { imageSize, resizeTo, resize, filter };
    this.imageBytes = imageSize ** 2 * 3;
    this.cache = options.cache === 'ram' ? new Map() : undefined;
    if (options.pack) {
      requirePackedSquares(options.pack, this.squares);
      this.packed = new PackReader(options.pack);
    } else if (options.workers > 0) {
      this.pool = new Piscina({
        filename: fileURLToPath(workerFile('data/decode-worker')),
        minThreads: options.workers,
        maxThreads: options.workers,
        concurrentTasksPerWorker: tasksPostedAhead,
      });
      this.pool.on('workerDestroy', () => this.loseThread());
    }
  }

  /**
   * Decodes images in the order of `paths`. Everything is posted to the threads before this returns.
   *
   * @param flips for each image, whether to mirror it left to right
   * @returns RGB, uint8, [paths, imageSize, imageSize, 3]
   * @throws BadImageError (a UserError) that names the first file that cannot be decoded; UserError for an error of the disk or the
   *   machine
   */
  async decode(paths: readonly string[], flips?: ArrayLike<number>): Promise<Uint8Array> {
    const length = paths.length * this.imageBytes;
    const { cache } = this;
    if (this.packed && !cache) return this.readPacked(this.packed, paths, flips);
    // No wait when all is cached: the work has to be posted before this returns.
    if (cache && paths.some((path) => !cache.has(path))) throwFirst(await this.keep(paths, cache));
    const scratch = this.takeScratch(length);
    const sources = cache ? paths.map((path) => cache.get(path)!) : paths;
    const bad = await this.fill(sources, scratch, {
      squares: this.squares,
      flips: flips && Uint8Array.from(flips),
    });
    const pixels = new Uint8Array(length);
    pixels.set(new Uint8Array(scratch, 0, length));
    this.spare.push(scratch);
    throwFirst(bad);
    return pixels;
  }

  /**
   * Reads images without returning their pixels; with `cache: 'ram'` they are kept.
   *
   * @returns the files that cannot be decoded, or not without more than 512 MiB of memory at once, in the order of `paths`
   * @throws UserError for an error of the disk or the machine, which says nothing of the image
   */
  async check(paths: readonly string[]): Promise<BadImage[]> {
    if (this.cache !== undefined) return this.keep(paths, this.cache);
    if (this.packed) {
      const { placed, bad } = this.inPack(paths);
      await this.packed.verify(placed);
      return bad;
    }
    const scratch = this.takeScratch(paths.length * checkSize ** 2 * 3);
    const bad = await this.fill(paths, scratch, { squares: wholeSquares(checkSize, this.squares.resize), probe: true });
    this.spare.push(scratch);
    return bad;
  }

  /**
   * Decodes images, and tells of those that can't be; all in memory at once, as `check` would judge them.
   *
   * @returns RGB, uint8, [paths, imageSize, imageSize, 3], with anything in the places of the bad ones
   */
  async decodeGood(paths: readonly string[]): Promise<{ pixels: Uint8Array; bad: BadImage[] }> {
    const length = paths.length * this.imageBytes;
    const scratch = this.takeScratch(length);
    const bad = await this.fill(paths, scratch, { squares: this.squares, probe: true });
    const pixels = Uint8Array.from(new Uint8Array(scratch, 0, length));
    this.spare.push(scratch);
    return { pixels, bad };
  }

  /**
   * Makes sure that `count` more images fit into the cache, if there is one.
   *
   * @throws UserError when they would take more than 80 % of the memory that is free
   */
  reserve(count: number): void {
    if (this.cache === undefined) return;
    const needed = count * this.imageBytes;
    const available = availableMemory();
    if (needed <= cacheShare * available) return;
    throw new UserError(
      `--cache ram needs ${sizeText(needed)} for ${count} images of ${this.options.imageSize} px, but only ` +
        `${sizeText(available)} of memory are free, ${cacheShare * 100} % of which it may take. ` +
        `Drop --cache ram, or lower --image-size.`,
    );
  }

  /** Stops after the images that are being decoded; calls of `decode` that have not ended reject. */
  async close(): Promise<void> {
    this.closed = true;
    for (const next of this.running.keys()) Atomics.store(next, 0, stop);
    await Promise.allSettled(this.running.values());
    this.cache?.clear();
    await this.packed?.close();
    const destroyed = this.pool?.destroy();
    if (!this.lost) await destroyed;
  }

  private inPack(paths: readonly string[]) {
    const { images } = this.options.pack!;
    const found = paths.map((path) => images.get(path) ?? { path, reason: 'it is not in the pack' });
    const bad = found.flatMap((image, i) => (isPacked(image) ? [] : [{ path: paths[i]!, reason: image.reason }]));
    return { placed: found.filter(isPacked), bad };
  }

  private async readPacked(
    packed: PackReader,
    paths: readonly string[],
    flips?: ArrayLike<number>,
  ): Promise<Uint8Array> {
    if (this.closed) throw new Error('the image loader is closed');
    const { placed, bad } = this.inPack(paths);
    throwFirst(bad);
    const pixels = new Uint8Array(paths.length * this.imageBytes);
    await packed.read(placed, pixels);
    for (const index of paths.keys()) {
      if (flips?.[index]) flipHorizontally(this.imageOf(pixels, index), this.options.imageSize);
    }
    return pixels;
  }

  private imageOf(pixels: Uint8Array, index: number): Uint8Array {
    return pixels.subarray(index * this.imageBytes, (index + 1) * this.imageBytes);
  }

  /** Lets the threads decode `sources` into `out`; returns the files that failed, in the order of `sources`. */
  private async fill(
    sources: DecodeTask['sources'],
    out: SharedArrayBuffer,
    how: Pick<DecodeTask, 'squares' | 'flips' | 'probe'>,
  ): Promise<BadImage[]> {
    if (this.closed) throw new Error('the image loader is closed');
    const next = new Int32Array(new SharedArrayBuffer(4));
    const task: DecodeTask = { sources, ...how, out, next: next.buffer };
    const { pool } = this;
    if (this.lost) throw this.lost;
    const threads = Math.min(this.options.workers, sources.length);
    let giveUp: (error: Error) => void = () => undefined;
    const work = new Promise<DecodeFailure[][]>((resolve, reject) => {
      giveUp = reject;
      (pool
        ? Promise.all(Array.from({ length: threads }, () => pool.run(task).catch(explainEnd)))
        : runDecodeTask(task).then((failures) => [failures])
      ).then(resolve, reject);
    });
    this.running.set(next, work);
    this.giveUp.add(giveUp);
    try {
      const failures = (await work).flat();
      if (this.closed) throw new Error('the image loader was closed while it decoded');
      failures.sort((a, b) => a.index - b.index);
      const end = failures.find(({ ends }) => ends);
      if (end) throw new UserError(end.reason);
      return failures.map(({ index, reason }) => ({ path: sources[index] as string, reason }));
    } finally {
      this.running.delete(next);
      this.giveUp.delete(giveUp);
    }
  }

  /** Piscina loses tasks when a thread ends between two of them and the next one while it starts: nothing may wait for it. */
  private loseThread(): void {
    if (this.closed) return;
    this.lost ??= endedThread('worker exited');
    for (const giveUp of this.giveUp) giveUp(this.lost);
  }

  /** Decodes what is not in the cache yet into it. */
  private async keep(paths: readonly string[], cache: Map<string, Uint8Array>): Promise<BadImage[]> {
    const missing = [...new Set(paths)].filter((path) => !cache.has(path));
    if (this.packed) return this.keepPacked(this.packed, missing, cache);
    const out = new SharedArrayBuffer(missing.length * this.imageBytes);
    const bad = await this.fill(missing, out, { squares: this.squares, probe: true });
    const failed = new Set(bad.map(({ path }) => path));
    for (const [index, path] of missing.entries()) {
      if (!failed.has(path)) cache.set(path, new Uint8Array(out, index * this.imageBytes, this.imageBytes));
    }
    return bad;
  }

  /** The same for a pack. */
  private async keepPacked(packed: PackReader, missing: readonly string[], cache: Map<string, Uint8Array>) {
    const { placed, bad } = this.inPack(missing);
    const pixels = new Uint8Array(new SharedArrayBuffer(placed.length * this.imageBytes));
    await packed.read(placed, pixels);
    const unread = new Set(bad.map(({ path }) => path));
    const good = missing.filter((path) => !unread.has(path));
    for (const [index, path] of good.entries()) cache.set(path, this.imageOf(pixels, index));
    return bad;
  }

  private takeScratch(length: number): SharedArrayBuffer {
    const spare = this.spare.pop();
    return spare !== undefined && spare.byteLength >= length ? spare : new SharedArrayBuffer(length);
  }
}

/** How Node.js and Piscina tell that a thread is gone, and not that its work has failed. */
const threadEnded = /worker exited|Terminating worker thread|reaching memory limit/i;

/** A thread that ends by itself has run out of memory, or a library has ended it. */
const endedThread = (reason: string, cause?: unknown) =>
  new UserError(
    `a thread that decodes images has ended (${reason}). Lower --workers if memory is short, and go on with --resume auto.`,
    { cause },
  );

function explainEnd(error: unknown): never {
  const message = error instanceof Error ? error.message : String(error);
  throw threadEnded.test(message) ? endedThread(message, error) : error;
}

function throwFirst([first]: readonly BadImage[]): void {
  if (first) throw new BadImageError(first.path, first.reason);
}
