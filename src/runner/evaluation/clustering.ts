/** k-means, with the distances as products in ONNX Runtime. */
import { setImmediate } from 'node:timers/promises';
import { Random } from 'ml-random';
import type { ComputeThread } from '../compute/thread.js';
import { everyPlace } from '../data/search-sets.js';
import type { Rows } from './embedded.js';
import { centered, requireEmbeddings, rowsAt, spreadOf } from './embedded.js';
import type { SearchHooks } from './neighbors.js';
import { rowsPerRun } from './neighbors.js';

/** As faiss, which pytorch-metric-learning clusters with: random points to begin with, 25 rounds. */
const mostRounds = 25;
const seed = 0;

/**
 * Up to this many distances a round, other starts are tried as well: random points may all lie in a few of the groups. One is taken
 * only where the first has ended with more than twice its sum of squares.
 */
const fewDistances = 2 ** 16;
const starts = 10;
const failed = 2;

/** A round that moves no center by more than this share of the points' variance, squared, is the last. */
const tolerance = 1e-6;

/** The cluster of each point, and its center's 2 p.c - |c|^2. */
interface Assignment {
  clusters: Int32Array;
  closeness: Float32Array;
}

/** Points and centers that are compared with each other, by their places. */
interface Comparison {
  points: Int32Array;
  centers: Int32Array;
  /** Whether what the points are assigned to counts no more. */
  isNew: boolean;
}

/**
 * What a round has to compare. Where a point's center has stayed, no center that has stayed can be nearer: after a few rounds of many
 * small clusters, most have.
 *
 * @param hasMoved [centers] 1 for those that have, all in the first round
 */
function comparisons({ clusters }: Assignment, hasMoved: Uint8Array): Comparison[] {
  const [points, centers] = [everyPlace(clusters.length), everyPlace(hasMoved.length)];
  const all = [
    { points: points.filter((point) => hasMoved[clusters[point]!]), centers, isNew: true },
    {
      points: points.filter((point) => !hasMoved[clusters[point]!]),
      centers: centers.filter((center) => hasMoved[center]),
      isNew: false,
    },
  ];
  return all.filter((one) => one.points.length > 0 && one.centers.length > 0);
}

/** Assigns points to the nearest of all centers, of equally near ones the first. */
async function assign(
  thread: ComputeThread,
  rows: Rows,
  centers: Float32Array,
  todo: readonly Comparison[],
  { clusters, closeness }: Assignment,
  { onProgress, signal }: SearchHooks,
): Promise<void> {
  const { dim } = rows;
  const total = todo.reduce((sum, { points, centers: some }) => sum + points.length * some.length, 0);
  let done = 0;
  for (const { points, centers: some, isNew } of todo) {
    const data = rowsAt({ embeddings: centers, dim }, some);
    await thread.hold({ centers: { data, dims: [some.length, dim] } });
    const step = rowsPerRun(some.length);
    for (let first = 0; first < points.length; first += step) {
      signal?.throwIfAborted();
      const places = points.subarray(first, first + step);
      const { outputs } = await thread.run('nearest_center', {
        points: { data: rowsAt(rows, places), dims: [places.length, dim] },
      });
      const [nearest, near] = [outputs['nearest']!.data, outputs['closeness']!.data];
      for (const [i, point] of places.entries()) {
        const center = some[nearest[i]!]!;
        const isNearer = near[i]! > closeness[point]! || (near[i] === closeness[point] && center < clusters[point]!);
        if (!isNew && !isNearer) continue;
        clusters[point] = center;
        closeness[point] = near[i]!;
      }
      done += places.length * some.length;
      onProgress?.(done, total);
    }
  }
}

/** The mean of each cluster's points; of one without any, the center that it had. */
function meansOf({ embeddings, dim }: Rows, clusters: Int32Array, before: Float64Array): Float64Array<ArrayBuffer> {
  const centers = new Float64Array(before.length);
  const sizes = new Int32Array(before.length / dim);
  for (const [point, cluster] of clusters.entries()) {
    sizes[cluster]!++;
    for (let d = 0; d < dim; d++) centers[cluster * dim + d]! += embeddings[point * dim + d]!;
  }
  for (let i = 0; i < centers.length; i++) {
    const size = sizes[Math.floor(i / dim)]!;
    centers[i] = size > 0 ? centers[i]! / size : before[i]!;
  }
  return centers;
}

/** Whether a center is another one in float32. */
function differs(before: Float32Array, after: Float64Array, center: number, dim: number): boolean {
  for (let i = center * dim; i < (center + 1) * dim; i++) if (before[i] !== Math.fround(after[i]!)) return true;
  return false;
}

/** The largest square of a distance between two rows of the same place. */
function largestMove(before: Float64Array, after: Float64Array, dim: number): number {
  let largest = 0;
  for (let i = 0; i < before.length; i += dim) {
    let squared = 0;
    for (let d = 0; d < dim; d++) squared += (after[i + d]! - before[i + d]!) ** 2;
    largest = Math.max(largest, squared);
  }
  return largest;
}

/** Where one start has led, and the sum of the squares of the points' distances to their centers. */
interface Clustering {
  clusters: Int32Array;
  sumOfSquares: number;
}

function sumOfSquares({ embeddings, dim }: Rows, clusters: Int32Array, centers: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < embeddings.length; i++) {
    sum += (embeddings[i]! - centers[clusters[Math.floor(i / dim)]! * dim + (i % dim)]!) ** 2;
  }
  return sum;
}

/**
 * @param first places of the points that are the centers to begin with
 * @param stays the largest square of a center's move that is none
 */
async function clusterFrom(
  thread: ComputeThread,
  points: Rows,
  first: Int32Array,
  stays: number,
  { onProgress, signal }: SearchHooks,
): Promise<Clustering> {
  const { dim } = points;
  const n = points.embeddings.length / dim;
  const assignment = { clusters: new Int32Array(n), closeness: new Float32Array(n) };
  const { clusters } = assignment;
  let centers = Float64Array.from(rowsAt(points, first));
  let hasMoved = new Uint8Array(first.length).fill(1);
  for (let round = 0; round < mostRounds; round++) {
    const within = (done: number, total: number) =>
      onProgress?.(round + Math.floor((10 * done) / total) / 10, mostRounds);
    const now = Float32Array.from(centers);
    const todo = comparisons(assignment, hasMoved);
    await assign(thread, points, now, todo, assignment, { onProgress: within, signal });
    await setImmediate();
    const moved = meansOf(points, clusters, centers);
    const isSettled = largestMove(centers, moved, dim) <= stays;
    hasMoved = hasMoved.map((_, center) => Number(differs(now, moved, center, dim)));
    centers = moved;
    if (isSettled) break;
  }
  return { clusters, sumOfSquares: sumOfSquares(points, clusters, centers) };
}

/**
 * Puts points into clusters by k-means, which begins at points drawn at random, always the same. Does not depend on the points' scale
 * or place. Progress and Ctrl-C get their turn within each round.
 *
 * @param rows [n, dim]
 * @param count clusters, at most n
 * @param hooks `onProgress` gets rounds, in tenths
 * @returns [n] the cluster of each point
 * @throws UserError for points that are not finite; the signal's reason when it is aborted
 */
export async function clusterPoints(
  thread: ComputeThread,
  rows: Rows,
  count: number,
  { onProgress, signal }: SearchHooks = {},
): Promise<Int32Array> {
  requireEmbeddings(rows);
  const points = centered(rows);
  const n = points.embeddings.length / points.dim;
  const stays = tolerance * spreadOf(points).variance;
  const random = new Random(seed);
  const tried = n * count <= fewDistances ? starts : 1;
  await thread.open('nearest_center', { dim: points.dim });
  try {
    const found: Clustering[] = [];
    for (let start = 0; start < tried; start++) {
      const after = (done: number, total: number) => onProgress?.(start * total + done, tried * total);
      const first = Int32Array.from(random.choice(n, { size: count }));
      found.push(await clusterFrom(thread, points, first, stays, { onProgress: after, signal }));
    }
    const best = found.reduce((one, other) => (other.sumOfSquares < one.sumOfSquares ? other : one));
    return (found[0]!.sumOfSquares > failed * best.sumOfSquares ? best : found[0]!).clusters;
  } finally {
    await thread.release('nearest_center');
  }
}
