/** All metrics of a set of embeddings. */
import type { ComputeThread } from '../compute/thread.js';
import { clusterPoints } from './clustering.js';
import type { Rows } from './embedded.js';
import { rowsAt } from './embedded.js';
import type { ClusteringMetrics } from './mutual-information.js';
import { compareClusters } from './mutual-information.js';
import type { SearchHooks } from './neighbors.js';
import type { ScoreOptions } from './recall.js';
import { scoreQueries } from './recall.js';
import type { QueryScores, RetrievalMetrics } from './retrieval-metrics.js';
import type { SearchSets } from '../data/search-sets.js';

export type EmbeddingMetrics = RetrievalMetrics & ClusteringMetrics;

/** Searching neighbors, or rounds of k-means. */
export type MeasureStage = 'search' | 'cluster';

export interface MeasureHooks {
  onProgress?: (stage: MeasureStage, done: number, total: number) => void;
  signal?: AbortSignal;
}

/**
 * NMI and AMI: how far k-means finds the queries' classes, with one cluster for each. As in pytorch-metric-learning, images that lie in
 * the gallery alone take no part.
 */
async function measureClusters(
  thread: ComputeThread,
  rows: Rows,
  labels: Int32Array,
  { queries }: SearchSets,
  hooks: SearchHooks = {},
): Promise<ClusteringMetrics> {
  const classes = queries.map((place) => labels[place]!);
  const clusters = await clusterPoints(
    thread,
    { embeddings: rowsAt(rows, queries), dim: rows.dim },
    new Set(classes).size,
    hooks,
  );
  return compareClusters(classes, clusters);
}

/**
 * Recall@k and the metrics of pytorch-metric-learning's `AccuracyCalculator`, under its names. NMI and AMI compare the classes with
 * k-means clusters, one for each class; they depend on where k-means begins, here always at the same images.
 *
 * @param rows embeddings of all images, [n, dim]
 * @param labels [n]
 * @throws UserError for embeddings that are not finite; RangeError when no query has anything to find; the signal's reason
 */
export async function measureEmbeddings(
  thread: ComputeThread,
  rows: Rows,
  labels: Int32Array,
  { sets, ks, among }: Pick<ScoreOptions, 'sets' | 'ks' | 'among'>,
  { onProgress, signal }: MeasureHooks = {},
): Promise<{ scores: QueryScores; metrics: EmbeddingMetrics }> {
  const stage = (name: MeasureStage) => ({
    signal,
    onProgress: (done: number, total: number) => onProgress?.(name, done, total),
  });
  const scores = await scoreQueries(thread, rows, labels, { sets, ks, among, all: true }, stage('search'));
  const found = scores.metrics();
  return {
    scores,
    metrics: { ...found, ...(await measureClusters(thread, rows, labels, sets, stage('cluster'))) },
  };
}
