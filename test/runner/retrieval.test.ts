import { describe, expect, it } from 'vitest';
import { Philox } from '../../src/graph/philox.js';
import { ComputeThread } from '../../src/runner/compute-thread.js';
import { nearestNeighbors, recallAtK } from '../../src/runner/retrieval.js';

const cpu = { device: 'cpu', deviceId: 0, threads: 1 } as const;

/** Points with small integers for coordinates: distances are exact in float32, and many are equal. */
function gridPoints(n: number, dim: number, side: number): Float32Array {
  const random = new Philox(1, 'init');
  return Float32Array.from({ length: n * dim }, () => random.int(side));
}

/** All others by distance, then by index. */
function bruteForce(points: Float32Array, dim: number, query: number): number[] {
  const distance = (i: number) => {
    let sum = 0;
    for (let d = 0; d < dim; d++) sum += (points[query * dim + d]! - points[i * dim + d]!) ** 2;
    return sum;
  };
  const distances = Array.from({ length: points.length / dim }, (_, i) => distance(i));
  const others = distances.map((_, i) => i).filter((i) => i !== query);
  return others.sort((a, b) => distances[a]! - distances[b]! || a - b);
}

async function neighborsOf(points: Float32Array, dim: number, k: number): Promise<number[][]> {
  const thread = new ComputeThread(cpu);
  try {
    const flat = await nearestNeighbors(thread, points, dim, k);
    return Array.from({ length: points.length / dim }, (_, i) => [...flat.subarray(i * k, (i + 1) * k)]);
  } finally {
    await thread.close();
  }
}

describe('nearestNeighbors', () => {
  it('finds what brute force finds; of equal distances the lower index comes first', async () => {
    const points = gridPoints(200, 3, 4);
    const neighbors = await neighborsOf(points, 3, 16);
    expect(neighbors).toEqual(neighbors.map((_, query) => bruteForce(points, 3, query).slice(0, 16)));
  });

  it('does not depend on how the queries are cut into chunks', async () => {
    // More than 2^23 distances: several runs, the last one shorter.
    const points = gridPoints(3100, 2, 1000);
    const neighbors = await neighborsOf(points, 2, 3);
    for (const query of [0, 2704, 2705, 2706, 3099]) {
      expect(neighbors[query]).toEqual(bruteForce(points, 2, query).slice(0, 3));
    }
  });
});

describe('recallAtK', () => {
  const recall = (points: number[], labels: number[], ks: number[]) =>
    recallAtK(Float32Array.from(points), 1, Int32Array.from(labels), ks, cpu);

  it('is the share of queries with their class among the k nearest others', async () => {
    const dim = 4;
    const points = gridPoints(120, dim, 5);
    const labels = Int32Array.from({ length: 120 }, (_, i) => i % 9);
    const ks = [1, 2, 4, 8, 16];
    const ranks = Array.from(labels, (label, query) =>
      bruteForce(points, dim, query).findIndex((i) => labels[i] === label),
    );
    const expected = Object.fromEntries(ks.map((k) => [k, ranks.filter((rank) => rank < k).length / 120]));
    expect(await recallAtK(points, dim, labels, ks, cpu)).toEqual(expected);
  });

  it('does not let an image find itself', async () => {
    expect(await recall([0, 0, 5, 5], [0, 1, 1, 0], [1, 2])).toEqual({ 1: 0, 2: 0.5 });
  });

  it('takes a k beyond the other images for all of them', async () => {
    expect(await recall([0, 1, 5], [0, 1, 0], [1, 16])).toEqual({ 1: 0, 16: 2 / 3 });
  });

  it('needs two images', async () => {
    await expect(recall([0], [0], [1])).rejects.toThrow('two embeddings or more');
  });
});
