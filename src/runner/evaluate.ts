/** Recall@k of a network on the images of a split. */
import type { NetworkOptions } from '../graph/options.js';
import { ComputeThread } from './compute-thread.js';
import { usableImages } from './data/check.js';
import type { ImageSet, Split } from './data/folder.js';
import { openImageFolder } from './data/folder.js';
import type { BadImage } from './data/loader.js';
import { ImageLoader } from './data/loader.js';
import type { EmbedOptions } from './embed.js';
import { defaultEvalBatch, embedOn, holdNetwork } from './embed.js';
import { requireProvider } from './ort.js';
import type { Recall } from './retrieval.js';
import { recallKs, recallOn } from './retrieval.js';
import { loadNetwork } from './trained-network.js';

/** What an evaluation is doing: decoding every image once, embedding them, or searching neighbors. */
export type EvalStage = 'check' | 'embed' | 'search';

export interface EvalHooks {
  onProgress?: (stage: EvalStage, done: number, total: number) => void;
  signal?: AbortSignal;
}

/**
 * Evaluates the network whose `params` and `buffers` the thread holds.
 *
 * @throws the signal's reason when it is aborted
 */
export async function evaluateOn(
  thread: ComputeThread,
  network: NetworkOptions,
  set: ImageSet,
  loader: ImageLoader,
  { onProgress, signal }: EvalHooks,
  batchSize: number = defaultEvalBatch,
): Promise<Recall> {
  const stage = (name: EvalStage) => ({
    signal,
    onProgress: (done: number, total: number) => onProgress?.(name, done, total),
  });
  const paths = set.images.map(({ path }) => path);
  const labels = Int32Array.from(set.images, ({ label }) => label);
  const embeddings = await embedOn(thread, { network, loader, paths, batchSize }, stage('embed'));
  return recallOn(thread, embeddings, network.embedDim, labels, recallKs, stage('search'));
}

export interface EvaluateOptions extends EmbedOptions {
  /** File written by a training. */
  checkpoint: string;
  /** Folder with a folder for the split inside. */
  dataPath: string;
  /** `val` unless given. */
  split?: Split;
}

export interface Evaluation {
  recall: Recall;
  images: number;
  classes: number;
  /** Images that can't be read, with `skipBad`. */
  skipped: BadImage[];
  /** Of embedding and searching. */
  seconds: number;
}

/**
 * Recall@1, 2, 4, 8 and 16 of a checkpoint: every image is the query against all others.
 *
 * @throws UserError for a checkpoint, data or a device that can't be used; the signal's reason when it is aborted
 */
export async function evaluate(options: EvaluateOptions, hooks: EvalHooks = {}): Promise<Evaluation> {
  requireProvider(options);
  const trained = await loadNetwork(options.checkpoint);
  const { network } = trained;
  const { resize = trained.resize, split = 'val', workers, skipBad, batchSize } = options;
  const listed = await openImageFolder(options.dataPath, split);
  const loader = new ImageLoader({ imageSize: network.imageSize, resize, workers, cache: 'none' });
  const thread = new ComputeThread(options);
  try {
    await holdNetwork(thread, trained);
    const { set, skipped } = await usableImages(listed, loader, {
      skipBad,
      onProgress: (done, total) => {
        hooks.signal?.throwIfAborted();
        hooks.onProgress?.('check', done, total);
      },
    });
    const started = performance.now();
    const recall = await evaluateOn(thread, network, set, loader, hooks, batchSize);
    const seconds = (performance.now() - started) / 1000;
    const classes = new Set(set.images.map(({ label }) => label)).size;
    return { recall, images: set.images.length, classes, skipped, seconds };
  } finally {
    await Promise.all([thread.close(), loader.close()]);
  }
}
