/** Images -> embeddings, with a checkpoint's network and running statistics. */
import path from 'node:path';
import type { NetworkOptions } from '../graph/options.js';
import { ComputeThread } from './compute-thread.js';
import { checkImages } from './data/check.js';
import { listSome } from './data/list-some.js';
import type { BadImage } from './data/loader.js';
import { ImageLoader } from './data/loader.js';
import { UserError } from './errors.js';
import { requireProvider } from './ort.js';
import type { SearchHooks } from './retrieval.js';
import type { DeviceOptions, ImageOptions, ResizeMode } from './run-options.js';
import type { TrainedNetwork } from './trained-network.js';
import { loadNetwork } from './trained-network.js';

/** Images a run of the network. */
export const defaultEvalBatch = 64;

/** The network has numbers that are not finite. */
export class NotFiniteError extends UserError {}

export interface EmbedJob {
  network: NetworkOptions;
  loader: ImageLoader;
  /** Image files. */
  paths: readonly string[];
  /** Images a run. */
  batchSize: number;
}

/**
 * Embeds images with the `params` and `buffers` that the thread holds; the next images are decoded meanwhile.
 *
 * @returns [paths, embedDim], L2-normalized
 * @throws BadImageError for a file that can't be decoded; NotFiniteError; the signal's reason when it is aborted
 */
export async function embedOn(
  thread: ComputeThread,
  { network, loader, paths, batchSize }: EmbedJob,
  { onProgress, signal }: SearchHooks = {},
): Promise<Float32Array> {
  const { imageSize, embedDim } = network;
  const embeddings = new Float32Array(paths.length * embedDim);
  const decode = (first: number) => {
    const images = loader.decode(paths.slice(first, first + batchSize));
    // Reported when its turn comes.
    images.catch(() => undefined);
    return images;
  };
  await thread.open('eval_model', network);
  try {
    let next = decode(0);
    for (let first = 0; first < paths.length; first += batchSize) {
      signal?.throwIfAborted();
      const data = await next;
      const count = Math.min(batchSize, paths.length - first);
      if (first + count < paths.length) next = decode(first + count);
      const images = { data, dims: [count, imageSize, imageSize, 3] };
      const { outputs } = await thread.run('eval_model', { images }, [data.buffer]);
      embeddings.set(outputs['embeddings']!.data, first * embedDim);
      onProgress?.(first + count, paths.length);
    }
  } finally {
    await thread.release('eval_model');
  }
  if (!embeddings.every(Number.isFinite)) {
    throw new NotFiniteError('the network gives embeddings that are not finite: its training has diverged.');
  }
  return embeddings;
}

/** Gives a thread the parameters and running statistics of a network. */
export function holdNetwork(thread: ComputeThread, { params, buffers }: TrainedNetwork): Promise<void> {
  return thread.hold({
    params: { data: params, dims: [params.length] },
    buffers: { data: buffers, dims: [buffers.length] },
  });
}

export interface EmbedOptions extends DeviceOptions, Pick<ImageOptions, 'workers'> {
  /** As in the training unless given. */
  resize?: ResizeMode;
  /** Images a run; 64 unless given. */
  batchSize?: number;
  /** Leaves bad images out instead of throwing. */
  skipBad: boolean;
}

export interface Embeddings {
  /** [paths, dim], row-major, L2-normalized. */
  embeddings: Float32Array;
  dim: number;
  /** The images that were embedded, in the order given. */
  paths: string[];
  /** The images that can't be read. */
  skipped: BadImage[];
}

export interface EmbedHooks extends SearchHooks {
  onCheck?: (done: number, total: number) => void;
}

/**
 * Embeds image files.
 *
 * @throws UserError for a checkpoint or device that can't be used, and unless `skipBad` is set for images that can't be
 *   read, before any is embedded
 */
export async function embedImages(
  checkpointPath: string,
  imagePaths: readonly string[],
  options: EmbedOptions,
  hooks: EmbedHooks = {},
): Promise<Embeddings> {
  requireProvider(options);
  return embedWith(await loadNetwork(checkpointPath), imagePaths, options, hooks);
}

/** `embedImages` with a network that is loaded already. */
export async function embedWith(
  trained: TrainedNetwork,
  imagePaths: readonly string[],
  options: EmbedOptions,
  hooks: EmbedHooks = {},
): Promise<Embeddings> {
  const { network } = trained;
  const { resize = trained.resize, workers, batchSize = defaultEvalBatch, skipBad } = options;
  const loader = new ImageLoader({ imageSize: network.imageSize, resize, workers, cache: 'none' });
  const thread = new ComputeThread(options);
  try {
    await holdNetwork(thread, trained);
    const skipped = await checkImages(unlabelled(imagePaths), loader, hooks.onCheck);
    if (skipped.length > 0 && !skipBad) {
      throw new UserError(
        `${skipped.length} of ${imagePaths.length} images cannot be read:\n` +
          `${listSome(skipped.map((bad) => `${bad.path}: ${bad.reason}`))}\n` +
          `Mend or remove them, or leave them out with --skip-bad.`,
      );
    }
    const bad = new Set(skipped.map((image) => image.path));
    const paths = imagePaths.filter((image) => !bad.has(image));
    const embeddings = await embedOn(thread, { network, loader, paths, batchSize }, hooks);
    return { embeddings, dim: network.embedDim, paths, skipped };
  } finally {
    await Promise.all([thread.close(), loader.close()]);
  }
}

const unlabelled = (paths: readonly string[]) => ({
  root: path.resolve('.'),
  split: 'val' as const,
  classes: [],
  images: paths.map((image) => ({ path: image, label: 0 })),
});
