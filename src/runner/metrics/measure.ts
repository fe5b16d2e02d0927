/** All metrics of a set of embeddings. */
import { setImmediate } from 'node:timers/promises';
import { kmeansGenerator } from 'ml-kmeans';
import type { ComputeThread } from '../compute-thread.js';
import type { SearchHooks } from '../retrieval.js';
import { nearestNeighbors } from '../retrieval.js';
import type { ClusteringMetrics } from './mutual-information.js';
import { compareClusters } from './mutual-information.js';
import type { RetrievalMetrics } from './retrieval.js';
import { neighborsNeeded, scoreQueries } from './retrieval.js';

export type EmbeddingMetrics = RetrievalMetrics & ClusteringMetrics;

/** Searching neighbors, or rounds of k-means. */
export type MeasureStage = 'search' | 'cluster';

export interface MeasureHooks {
  onProgress?: (stage: MeasureStage, done: number, total: number) => void;
  signal?: AbortSignal;
}

/** As faiss, which pytorch-metric-learning clusters with: random centers, 25 rounds. */
const clustering = { initialization: 'random', maxIterations: 25, seed: 0 } as const;

/** The cluster of each point. Progress and Ctrl-C get their turn between two rounds. */
async function clusterOf(points: number[][], count: number, { onProgress, signal }: SearchHooks): Promise<Int32Array> {
  let clusters: number[] = [];
  let round = 0;
  for (const result of kmeansGenerator(points, count, clustering)) {
    clusters = result.clusters;
    onProgress?.(++round, clustering.maxIterations);
    await setImmediate();
    signal?.throwIfAborted();
  }
  return Int32Array.from(clusters);
}

/** NMI and AMI alone, see `measureEmbeddings`. */
export async function measureClusters(
  embeddings: Float32Array,
  dim: number,
  labels: Int32Array,
  hooks: SearchHooks = {},
): Promise<ClusteringMetrics> {
  const points = Array.from(labels, (_, i) => Array.from(embeddings.subarray(i * dim, (i + 1) * dim)));
  return compareClusters(labels, await clusterOf(points, new Set(labels).size, hooks));
}

/**
 * The metrics of pytorch-metric-learning's `AccuracyCalculator`, under its names. NMI and AMI compare the classes with k-means
 * clusters, one for each class; they depend on where k-means begins, here always at the same images.
 *
 * @param embeddings [n, dim], row-major
 * @param labels [n]
 * @throws RangeError when no class has two images
 */
export async function measureEmbeddings(
  thread: ComputeThread,
  embeddings: Float32Array,
  dim: number,
  labels: Int32Array,
  { onProgress, signal }: MeasureHooks = {},
): Promise<EmbeddingMetrics> {
  const depth = neighborsNeeded(labels);
  if (depth < 1) throw new RangeError('no class has two images');
  const stage = (name: MeasureStage) => ({
    onProgress: (done: number, total: number) => onProgress?.(name, done, total),
  });
  const neighbors = await nearestNeighbors(thread, embeddings, dim, depth, { signal, ...stage('search') });
  const { precision_at_1, r_precision, mean_average_precision_at_r } = scoreQueries(neighbors, depth, labels);
  const clustered = await measureClusters(embeddings, dim, labels, { signal, ...stage('cluster') });
  return { precision_at_1, r_precision, mean_average_precision_at_r, ...clustered };
}
