/** Recall@k: how often one of an image's k nearest neighbors shows the same class. */
import { ComputeThread } from './compute-thread.js';
import type { DeviceOptions } from './run-options.js';

/** Recall@k by k, each in [0, 1]. */
export type Recall = Record<number, number>;

/** The k that evaluations report. */
export const recallKs: readonly number[] = [1, 2, 4, 8, 16];

export interface SearchHooks {
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}

/** Distances that are computed at once, 32 MB of float32: little memory, and a run far below a second. */
const distancesPerRun = 2 ** 23;

/**
 * The k nearest neighbors of each embedding among all others, itself excluded, by Euclidean distance computed in chunks
 * on the thread's device. Of equal distances the lower index comes first; distances are float32, so that squared ones
 * closer than about 1e-7 (for embeddings of length 1) may count as equal or come in either order.
 *
 * @param embeddings [n, dim], row-major
 * @param k at most n - 1
 * @returns indices [n, k], closest first
 * @throws the signal's reason when it is aborted
 */
export async function nearestNeighbors(
  thread: ComputeThread,
  embeddings: Float32Array,
  dim: number,
  k: number,
  { onProgress, signal }: SearchHooks = {},
): Promise<Int32Array> {
  const n = embeddings.length / dim;
  const ids = Int32Array.from({ length: n }, (_, i) => i);
  const neighbors = new Int32Array(n * k);
  const rows = Math.max(1, Math.floor(distancesPerRun / n));
  await thread.open('retrieval', { dim, k });
  await thread.hold({ gallery: { data: embeddings, dims: [n, dim] }, gallery_ids: { data: ids, dims: [1, n] } });
  try {
    for (let first = 0; first < n; first += rows) {
      signal?.throwIfAborted();
      const end = Math.min(n, first + rows);
      const { outputs } = await thread.run('retrieval', {
        queries: { data: embeddings.slice(first * dim, end * dim), dims: [end - first, dim] },
        query_ids: { data: ids.slice(first, end), dims: [end - first, 1] },
      });
      neighbors.set(outputs['indices']!.data, first * k);
      onProgress?.(end, n);
    }
  } finally {
    await thread.release('retrieval');
  }
  return neighbors;
}

/**
 * Recall@k with every row as the query against all others: the share of rows with one of their class among their k
 * nearest (see `nearestNeighbors` for ties). A k beyond the other rows means all of them; a row that is alone in its
 * class counts, and never hits.
 *
 * @param labels [n]
 * @throws RangeError when there are fewer than two rows
 */
export async function recallOn(
  thread: ComputeThread,
  embeddings: Float32Array,
  dim: number,
  labels: Int32Array,
  ks: readonly number[] = recallKs,
  hooks: SearchHooks = {},
): Promise<Recall> {
  const n = labels.length;
  if (n < 2) throw new RangeError(`Recall@k needs two embeddings or more, got ${n}`);
  const depth = Math.min(n - 1, Math.max(...ks));
  const neighbors = await nearestNeighbors(thread, embeddings, dim, depth, hooks);
  return recallOf(neighbors, depth, labels, ks);
}

/**
 * `recallOn` from neighbors that are known.
 *
 * @param neighbors [n, depth], closest first
 */
export function recallOf(
  neighbors: Int32Array,
  depth: number,
  labels: Int32Array,
  ks: readonly number[] = recallKs,
): Recall {
  const n = labels.length;
  const hits = ks.map(() => 0);
  for (let row = 0; row < n; row++) {
    let rank = 0;
    while (rank < depth && labels[neighbors[row * depth + rank]!] !== labels[row]) rank++;
    if (rank === depth) continue;
    for (const [i, k] of ks.entries()) if (rank < k) hits[i]!++;
  }
  return Object.fromEntries(ks.map((k, i) => [k, hits[i]! / n]));
}

/** `recallOn` in a compute thread of its own. */
export async function recallAtK(
  embeddings: Float32Array,
  dim: number,
  labels: Int32Array,
  ks: readonly number[],
  device: DeviceOptions,
): Promise<Recall> {
  const thread = new ComputeThread(device);
  try {
    return await recallOn(thread, embeddings, dim, labels, ks);
  } finally {
    await thread.close();
  }
}
