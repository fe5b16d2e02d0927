/** Images -> embeddings, in a thread that holds the network. */
import type { NetworkOptions } from '../../graph/options.js';
import { UserError } from '../base/errors.js';
import type { ComputeThread } from '../compute/thread.js';
import type { ImageLoader } from '../data/loader.js';
import { embedDefaults } from '../options/defaults.js';
import type { SearchHooks } from './neighbors.js';

/** Images a run of the network. */
export const defaultEvalBatch = embedDefaults.batchSize;

/** The network has numbers that are not finite. */
export class NotFiniteError extends UserError {
  constructor(message = 'the network gives embeddings that are not finite: its training has diverged.') {
    super(message);
  }
}

export interface EmbedJob {
  network: NetworkOptions;
  loader: ImageLoader;
  /** Image files. */
  paths: readonly string[];
  /** Images a run. */
  batchSize: number;
  /** Gets what the last linear layer takes, [paths, featDim], where that is wanted too. */
  features?: Float32Array;
}

/**
 * Embeds images with the `params` and `buffers` that the thread holds; the next images are decoded meanwhile.
 *
 * @returns [paths, embedDim], L2-normalized
 * @throws BadImageError for a file that can't be decoded; NotFiniteError; the signal's reason when it is aborted
 */
export async function embedOn(
  thread: ComputeThread,
  { network, loader, paths, batchSize, features }: EmbedJob,
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
  const graph = features ? 'features_model' : 'eval_model';
  await thread.open(graph, network);
  try {
    let next = decode(0);
    for (let first = 0; first < paths.length; first += batchSize) {
      signal?.throwIfAborted();
      const data = await next;
      const count = Math.min(batchSize, paths.length - first);
      if (first + count < paths.length) next = decode(first + count);
      const images = { data, dims: [count, imageSize, imageSize, 3] };
      const { outputs } = await thread.run(graph, { images }, [data.buffer]);
      embeddings.set(outputs['embeddings']!.data, first * embedDim);
      features?.set(outputs['features']!.data, first * network.featDim);
      onProgress?.(first + count, paths.length);
    }
  } finally {
    await thread.release(graph);
  }
  if (!embeddings.every(Number.isFinite)) {
    throw new NotFiniteError();
  }
  return embeddings;
}
