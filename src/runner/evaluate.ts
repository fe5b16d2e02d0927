/** Recall@k of a network on the images of a split. */
import type { NetworkOptions } from '../graph/options.js';
import { ComputeThread } from './compute-thread.js';
import { usableImages } from './data/check.js';
import type { ImageSet, Split } from './data/folder.js';
import type { BadImage } from './data/loader.js';
import { ImageLoader } from './data/loader.js';
import { openData } from './data/open-data.js';
import type { EmbedOptions } from './embed.js';
import { defaultEvalBatch, embedOn, holdNetwork } from './embed.js';
import type { EmbeddingMetrics, MeasureStage } from './metrics/measure.js';
import { measureEmbeddings } from './metrics/measure.js';
import { requireProvider } from './ort.js';
import type { Recall } from './retrieval.js';
import { recallKs, recallOn } from './retrieval.js';
import { loadNetwork } from './trained-network.js';

/** What an evaluation is doing: decoding every image once, embedding them, searching neighbors, or clustering. */
export type EvalStage = 'check' | 'embed' | MeasureStage;

/** Recall@k, or also what `measureEmbeddings` gives. */
export type MetricsChoice = 'recall' | 'all';

export interface EvalHooks {
  onProgress?: (stage: EvalStage, done: number, total: number) => void;
  /** Gets what the images are embedded as, [images, embedDim], before it is searched. */
  onEmbeddings?: (embeddings: Float32Array) => Promise<void>;
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
  { onProgress, onEmbeddings, signal }: EvalHooks,
  batchSize: number = defaultEvalBatch,
): Promise<Recall> {
  const stage = (name: EvalStage) => ({
    signal,
    onProgress: (done: number, total: number) => onProgress?.(name, done, total),
  });
  const paths = set.images.map(({ path }) => path);
  const labels = Int32Array.from(set.images, ({ label }) => label);
  const embeddings = await embedOn(thread, { network, loader, paths, batchSize }, stage('embed'));
  await onEmbeddings?.(embeddings);
  return recallOn(thread, embeddings, network.embedDim, labels, recallKs, stage('search'));
}

export interface EvaluateOptions extends EmbedOptions {
  /** File written by a training. */
  checkpoint: string;
  /** What `openData` takes. */
  dataPath: string;
  /** `val` unless given. */
  split?: Split;
  /** `recall` unless given. */
  metrics?: MetricsChoice;
}

export interface Evaluation {
  recall: Recall;
  /** With `metrics: 'all'`. */
  metrics?: EmbeddingMetrics;
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
  const { resize = trained.resize, split = 'val', workers, skipBad, batchSize, metrics: choice } = options;
  const listed = await openData(options.dataPath, split, { skipBad });
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
    let metrics: EmbeddingMetrics | undefined;
    const labels = Int32Array.from(set.images, ({ label }) => label);
    const onEmbeddings = async (embeddings: Float32Array) => {
      await hooks.onEmbeddings?.(embeddings);
      if (choice === 'all') metrics = await measureEmbeddings(thread, embeddings, network.embedDim, labels, hooks);
    };
    const recall = await evaluateOn(thread, network, set, loader, { ...hooks, onEmbeddings }, batchSize);
    const seconds = (performance.now() - started) / 1000;
    const classes = new Set(labels).size;
    return { recall, metrics, images: set.images.length, classes, skipped, seconds };
  } finally {
    await Promise.all([thread.close(), loader.close()]);
  }
}
