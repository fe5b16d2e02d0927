/** Embeddings -> places on a plane where similar images lie close together. */
import { setImmediate } from 'node:timers/promises';
import { UMAP } from 'umap-js';
import { Philox } from '../../graph/state/philox.js';
import { ComputeThread } from '../compute/thread.js';
import type { SearchHooks } from '../evaluation/neighbors.js';
import { rowsPerRun } from '../evaluation/neighbors.js';
import type { DeviceOptions } from '../options/run-options.js';

/** Neighbors of an image that UMAP keeps close to it: its authors' default. */
const umapNeighbors = 15;

/** Images that UMAP lays out: it takes about 20 s for so many. */
const mostLaidOut = 5000;

/** Of an image outside the sample: sampled images that it is laid between. */
const placeNeighbors = 3;

/** Some rows of all embeddings: their places, and values [rows, dim]. */
interface Rows {
  ids: Int32Array;
  /** As searches take them. */
  values: Float64Array;
}

function takeRows(embeddings: Float32Array, dim: number, ids: readonly number[]): Rows {
  const values = new Float64Array(ids.length * dim);
  ids.forEach((id, row) => values.set(embeddings.subarray(id * dim, (id + 1) * dim), row * dim));
  return { ids: Int32Array.from(ids), values };
}

/** The k rows of `among` nearest to each query, itself excluded, closest first: [queries, k], distances squared. */
async function nearest(thread: ComputeThread, queries: Rows, among: Rows, k: number, { signal }: SearchHooks) {
  const count = queries.ids.length;
  const dim = among.values.length / among.ids.length;
  const indices = new Int32Array(count * k);
  const squared = new Float32Array(count * k);
  const rows = rowsPerRun(among.ids.length);
  await thread.open('retrieval', { dim, k });
  await thread.hold({
    gallery: { data: new Float64Array(among.values), dims: [among.ids.length, dim] },
    gallery_ids: { data: among.ids, dims: [1, among.ids.length] },
  });
  try {
    for (let first = 0; first < count; first += rows) {
      signal?.throwIfAborted();
      const end = Math.min(count, first + rows);
      const { outputs } = await thread.run('retrieval', {
        queries: { data: new Float64Array(queries.values.subarray(first * dim, end * dim)), dims: [end - first, dim] },
        query_ids: { data: queries.ids.slice(first, end), dims: [end - first, 1] },
      });
      indices.set(outputs['indices']!.data, first * k);
      squared.set(outputs['distances']!.data, first * k);
    }
  } finally {
    await thread.release('retrieval');
  }
  return { indices, squared };
}

/** UMAP of a few thousand rows. @returns [rows, 2] */
async function layOut(thread: ComputeThread, sample: Rows, random: Philox, hooks: SearchHooks): Promise<Float32Array> {
  const n = sample.ids.length;
  const k = Math.min(umapNeighbors, n - 1) - 1;
  const { indices, squared } = await nearest(thread, sample, sample, k, hooks);
  // As in UMAP's own search, an image is its own first neighbor.
  const knn = Array.from({ length: n }, (_, i) => [i, ...indices.subarray(i * k, (i + 1) * k)]);
  const distances = Array.from({ length: n }, (_, i) => [
    0,
    ...Array.from(squared.subarray(i * k, (i + 1) * k), Math.sqrt),
  ]);
  const umap = new UMAP({ nNeighbors: k + 1, random: () => random.unit() });
  umap.setPrecomputedKNN(knn, distances);
  // With the neighbors given, it asks only how many rows there are.
  const epochs = umap.initializeFit(Array.from({ length: n }, () => []));
  for (let epoch = 1; epoch <= epochs; epoch++) {
    umap.step();
    hooks.onProgress?.(epoch, epochs);
    hooks.signal?.throwIfAborted();
    await setImmediate();
  }
  return Float32Array.from(umap.getEmbedding().flat());
}

/** The share at each end of an axis that is moved to the border: a few far places would leave no room for all others. */
const farShare = 0.003;

/** Moves and shrinks places [n, 2] to fill the unit square in one direction; the other is centered. */
function fitSquare(places: Float32Array): Float32Array {
  const far = Math.floor((farShare * places.length) / 2);
  const ends = [0, 1].map((axis) => {
    const sorted = places.filter((_, i) => i % 2 === axis).sort();
    return [sorted.at(far)!, sorted.at(-1 - far)!] as const;
  });
  const span = ends.reduce((most, [low, high]) => Math.max(most, high - low), Number.MIN_VALUE);
  return places.map((value, i) => {
    const [low, high] = ends[i % 2]!;
    return Math.min(1, Math.max(0, 0.5 + (value - (low + high) / 2) / span));
  });
}

/** Fewer have no neighborhoods to draw: they stand in a row. */
const fewest = 5;

const inARow = (n: number): Float32Array =>
  Float32Array.from({ length: 2 * n }, (_, i) => (i % 2 === 1 || n === 1 ? 0.5 : i / 2 / (n - 1)));

/**
 * UMAP (McInnes, Healy and Melville 2018, by umap-js) on exact nearest neighbors, from random places by Philox: the same
 * embeddings give the same map. Of more than 5,000 images, 5,000 drawn at random are laid out, and each other one is put
 * at the mean place of the 3 that it is nearest to, so that it stays a matter of seconds.
 *
 * @param embeddings [n, dim], row-major
 * @param sampleLimit images to lay out at most
 * @returns [n, 2], x and y in [0, 1]
 * @throws the signal's reason when it is aborted
 */
export async function mapEmbeddings(
  embeddings: Float32Array,
  dim: number,
  device: DeviceOptions,
  hooks: SearchHooks = {},
  sampleLimit = mostLaidOut,
): Promise<Float32Array> {
  const n = embeddings.length / dim;
  if (n < fewest) return inARow(n);
  const random = new Philox(0, 'map');
  const isSampled = new Uint8Array(n);
  for (const id of random.choose(n, Math.min(n, sampleLimit))) isSampled[id] = 1;
  const idsOf = (which: number) => Array.from(isSampled.keys()).filter((id) => isSampled[id] === which);
  const [rest, sample] = [idsOf(0), idsOf(1)].map((ids) => takeRows(embeddings, dim, ids)) as [Rows, Rows];
  const thread = new ComputeThread(device);
  try {
    const laidOut = await layOut(thread, sample, random, hooks);
    const places = new Float32Array(2 * n);
    sample.ids.forEach((id, row) => places.set(laidOut.subarray(2 * row, 2 * row + 2), 2 * id));
    if (rest.ids.length > 0) {
      const { indices } = await nearest(thread, rest, sample, placeNeighbors, hooks);
      for (const [i, row] of indices.entries()) {
        const id = rest.ids[Math.floor(i / placeNeighbors)]!;
        for (const axis of [0, 1]) places[2 * id + axis]! += laidOut[2 * row + axis]! / placeNeighbors;
      }
    }
    return fitSquare(places);
  } finally {
    await thread.close();
  }
}
