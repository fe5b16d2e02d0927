import { kmeansGenerator } from 'ml-kmeans';
import { afterAll, describe, expect, it } from 'vitest';
import { Philox } from '../../../src/graph/state/philox.js';
import { ComputeThread } from '../../../src/runner/compute/thread.js';
import { clusterPoints } from '../../../src/runner/evaluation/clustering.js';

const thread = new ComputeThread({ device: 'cpu', deviceId: 0, threads: 2 });
afterAll(() => thread.close());

/** Unit vectors around `count` directions. */
function unitVectors(n: number, dim: number, count: number, noise: number, seed: number): Float32Array {
  const random = new Philox(seed, 'init');
  const directions = Array.from({ length: count * dim }, () => random.normal());
  const rows = new Float32Array(n * dim);
  for (let i = 0; i < n; i++) {
    const row = Array.from({ length: dim }, (_, d) => directions[(i % count) * dim + d]! + noise * random.normal());
    const norm = Math.hypot(...row);
    rows.set(
      row.map((value) => value / norm),
      i * dim,
    );
  }
  return rows;
}

/** ml-kmeans, in float64. */
function reference(rows: Float32Array, dim: number, count: number): number[] {
  const points = Array.from({ length: rows.length / dim }, (_, i) => [...rows.subarray(i * dim, (i + 1) * dim)]);
  let clusters: number[] = [];
  const options = { initialization: 'random', maxIterations: 25, seed: 0 } as const;
  for (const round of kmeansGenerator(points, count, options)) clusters = [...round.clusters];
  return clusters;
}

describe('clusterPoints', () => {
  it.each([
    { n: 60, dim: 4, count: 6, noise: 0.3 },
    { n: 500, dim: 16, count: 40, noise: 0.7 },
    { n: 1500, dim: 32, count: 300, noise: 1 },
  ])('makes the clusters of ml-kmeans: $count of $n points', async ({ n, dim, count, noise }) => {
    const embeddings = unitVectors(n, dim, count, noise, 3);
    expect([...(await clusterPoints(thread, { embeddings, dim }, count))]).toEqual(reference(embeddings, dim, count));
  });

  it('does not depend on where the points lie and how far apart, nor on how they are cut into chunks', async () => {
    // More than 2^23 distances.
    const [n, dim, count] = [9000, 2, 1000];
    const random = new Philox(5, 'init');
    const embeddings = Float32Array.from({ length: n * dim }, () => random.int(4096));
    const clusters = await clusterPoints(thread, { embeddings, dim }, count);
    const elsewhere = embeddings.map((value) => 1 + value / 2 ** 20);
    expect(await clusterPoints(thread, { embeddings: elsewhere, dim }, count)).toEqual(clusters);
    expect(new Set(clusters).size).toBeGreaterThan(0.9 * count);
  });

  it('tells of its progress within a round, and ends where it is told to', async () => {
    const embeddings = unitVectors(300, 4, 10, 1, 1);
    const seen: number[] = [];
    const controller = new AbortController();
    const onProgress = (done: number) => {
      seen.push(done);
      if (done >= 2) controller.abort(new Error('stopped'));
    };
    const hooks = { onProgress, signal: controller.signal };
    await expect(clusterPoints(thread, { embeddings, dim: 4 }, 10, hooks)).rejects.toThrow('stopped');
    expect(seen).toEqual([1, 2]);
  });

  it('refuses points that are not finite', async () => {
    await expect(clusterPoints(thread, { embeddings: Float32Array.of(0, NaN), dim: 1 }, 1)).rejects.toThrow('row 1');
  });
});
