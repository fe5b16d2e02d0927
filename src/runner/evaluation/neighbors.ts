/** Nearest neighbors of embeddings, computed in chunks on a thread's device. */
import type { AmongRanks } from '../compute/ranks.js';
import type { ComputeThread } from '../compute/thread.js';
import type { Rows } from './embedded.js';
import { requireEmbeddings, rowsAt } from './embedded.js';
import type { SearchSets } from '../data/search-sets.js';

/** Who hears of a search, and what ends it. */
export interface SearchHooks {
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}

/** Distances that are computed at once, 32 MB of float64: little memory, and a run far below a second. */
const distancesPerRun = 2 ** 22;

/** Rows a run, where each is compared with `others`; bounded for few others, too. */
export const rowsPerRun = (others: number): number =>
  Math.max(1, Math.min(2 ** 15, Math.floor(distancesPerRun / others)));

type Found = Int32Array | Uint8Array;

interface Search {
  graph: 'retrieval' | 'relevance';
  output: 'indices' | 'hits';
  /** Labels by place, where the graph wants them. */
  labels?: Int32Array;
  sets: SearchSets;
  /** Neighbors of each query. */
  k: number;
  /** Where several processes search as one: each makes every so many runs, and all get what comes of them. */
  among?: AmongRanks;
}

/** What all ranks have found in their runs, in their order, of `length` numbers each. */
async function shared(found: Uint8Array, length: number, { size, gather }: AmongRanks): Promise<Uint8Array[]> {
  const mine = new Float32Array(length);
  mine.set(found);
  const all = Uint8Array.from(await gather(mine));
  return Array.from({ length: size }, (_, rank) => all.subarray(rank * length, (rank + 1) * length));
}

/** Runs a graph of neighbors chunk by chunk. @param onChunk gets the output [rows, k] of the queries from `first` on */
async function search(
  thread: ComputeThread,
  rows: Rows,
  { graph, output, labels, sets, k, among }: Search,
  { onProgress, signal }: SearchHooks,
  onChunk: (first: number, values: Found) => void,
): Promise<void> {
  const { dim } = rows;
  const { queries, gallery } = sets;
  const labelsOf = (places: Int32Array): Int32Array => places.map((place) => labels![place]!);
  await thread.open(graph, { dim, k });
  await thread.hold({
    gallery: { data: new Float64Array(rowsAt(rows, gallery)), dims: [gallery.length, dim] },
    gallery_ids: { data: gallery, dims: [1, gallery.length] },
    ...(labels && { gallery_labels: { data: labelsOf(gallery), dims: [gallery.length] } }),
  });
  const step = rowsPerRun(gallery.length);
  const find = async (asked: Int32Array): Promise<Found> => {
    const { outputs } = await thread.run(graph, {
      queries: { data: new Float64Array(rowsAt(rows, asked)), dims: [asked.length, dim] },
      query_ids: { data: asked, dims: [asked.length, 1] },
      ...(labels && { query_labels: { data: labelsOf(asked), dims: [asked.length, 1] } }),
    });
    return outputs[output]!.data as Found;
  };
  const { rank, size } = among ?? { rank: 0, size: 1 };
  try {
    for (let first = 0; first < queries.length; first += step * size) {
      signal?.throwIfAborted();
      const asked = queries.slice(first + rank * step, first + (rank + 1) * step);
      const found = asked.length > 0 ? await find(asked) : new Uint8Array(0);
      const all = among ? await shared(found as Uint8Array, step * k, among) : [found];
      for (const [i, values] of all.entries()) {
        const count = Math.min(step, queries.length - first - i * step);
        if (count > 0) onChunk(first + i * step, values.subarray(0, count * k));
      }
      onProgress?.(Math.min(first + step * size, queries.length), queries.length);
    }
  } finally {
    await thread.release(graph);
  }
}

/**
 * The k nearest of the gallery to each query, itself excluded, by Euclidean distance. Of equal distances the lower place comes
 * first; distances are float64, so that squared ones closer than about 1e-16 of the embeddings' lengths, squared, may come in either
 * order.
 *
 * @param rows embeddings of all images, [n, dim]
 * @param k at most the gallery's size, less one for queries that lie in it
 * @returns places of images [queries, k], closest first
 * @throws UserError for embeddings that are not finite; the signal's reason when it is aborted
 */
export async function nearestNeighbors(
  thread: ComputeThread,
  rows: Rows,
  sets: SearchSets,
  k: number,
  hooks: SearchHooks = {},
): Promise<Int32Array> {
  requireEmbeddings(rows);
  const neighbors = new Int32Array(sets.queries.length * k);
  await search(thread, rows, { graph: 'retrieval', output: 'indices', sets, k }, hooks, (first, indices) => {
    for (let i = 0; i < indices.length; i++) neighbors[first * k + i] = sets.gallery[indices[i]!]!;
  });
  return neighbors;
}

/**
 * Whether each of the k nearest of the gallery to a query is of its class, as by `nearestNeighbors`; what a query's class does not
 * have, a k beyond the other images included, is no hit.
 *
 * @param labels [n], of all images
 * @param k at most the gallery's size
 * @param onHits gets a query's place among the queries, and its hits [k], closest first: 1 for one of its class, else 0
 * @throws as `nearestNeighbors`
 */
export async function rankHits(
  thread: ComputeThread,
  rows: Rows,
  labels: Int32Array,
  { sets, k, among }: Pick<Search, 'sets' | 'k' | 'among'>,
  onHits: (query: number, hits: Uint8Array) => void,
  hooks: SearchHooks = {},
): Promise<void> {
  requireEmbeddings(rows, labels);
  await search(thread, rows, { graph: 'relevance', output: 'hits', labels, sets, k, among }, hooks, (first, hits) => {
    for (let at = 0; at < hits.length; at += k) onHits(first + at / k, (hits as Uint8Array).subarray(at, at + k));
  });
}
