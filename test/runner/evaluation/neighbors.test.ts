import { describe, expect, it } from 'vitest';
import { Philox } from '../../../src/graph/state/philox.js';
import { UserError } from '../../../src/runner/base/errors.js';
import { ComputeThread } from '../../../src/runner/compute/thread.js';
import { everyone } from '../../../src/runner/data/search-sets.js';
import { nearestNeighbors, rankHits } from '../../../src/runner/evaluation/neighbors.js';
import { recallAtK } from '../../../src/runner/evaluation/recall.js';

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
    const rows = { embeddings: points, dim };
    const flat = await nearestNeighbors(thread, rows, everyone(points.length / dim), k);
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
    // More than 2^22 distances: several runs, the last one shorter.
    const points = gridPoints(3100, 2, 1000);
    const neighbors = await neighborsOf(points, 2, 3);
    for (const query of [0, 1352, 1353, 1354, 3099]) {
      expect(neighbors[query]).toEqual(bruteForce(points, 2, query).slice(0, 3));
    }
  });
});

/** [cos t, sin t] in pairs: differences of 1e-4 and less, all of them far from 0. */
const tight = {
  embeddings: Float32Array.from(
    [0, 1, 2.5, 3.5, 5, 6, 7.5, 8.5].flatMap((t) => [Math.cos(0.7 + 1e-4 * t), Math.sin(0.7 + 1e-4 * t)]),
  ),
  labels: Int32Array.of(0, 0, 1, 1, 2, 2, 3, 3),
};

describe('neighbors of embeddings that lie close together', () => {
  it('are told apart', async () => {
    expect(await recallAtK(tight.embeddings, 2, tight.labels, [1], cpu)).toEqual({ 1: 1 });
  });

  it.each([
    ['and others as close on the other side', tight.embeddings.map((value) => -value)],
    ['and two others lie far away', Float32Array.of(-1, 0, 0, -1)],
  ])('are told apart, %s', async (_, others) => {
    const embeddings = Float32Array.of(...tight.embeddings, ...others);
    const pairs = Int32Array.from({ length: embeddings.length / 2 }, (__, i) => Math.floor(i / 2));
    expect(await recallAtK(embeddings, 2, pairs, [1], cpu)).toEqual({ 1: 1 });
  });

  it('are those that the same embeddings have around 0', async () => {
    const points = gridPoints(60, 3, 5);
    const far = points.map((value) => 4096 + value);
    expect(await neighborsOf(far, 3, 8)).toEqual(await neighborsOf(points, 3, 8));
  });
});

describe('rankHits', () => {
  it('says of each neighbor whether it is of the class, and nothing of the query itself, however many are asked for', async () => {
    const points = Float32Array.of(0, 1, 3, 7);
    const labels = Int32Array.of(0, 1, 0, 0);
    const thread = new ComputeThread(cpu);
    const found: number[][] = [];
    const sets = everyone(4);
    const rows = { embeddings: points, dim: 1 };
    try {
      await rankHits(thread, rows, labels, { sets, k: 4 }, (query, hits) => (found[query] = [...hits]));
    } finally {
      await thread.close();
    }
    expect(found).toEqual([
      [0, 1, 1, 0],
      [0, 0, 0, 0],
      [0, 1, 1, 0],
      [1, 0, 1, 0],
    ]);
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

  it.each<[string, () => Promise<unknown>, string]>([
    [
      'a NaN',
      () => recall([0, NaN, 5], [0, 1, 0], [1]),
      'embeddings: row 1 holds NaN, and distances to it say nothing.',
    ],
    ['an infinity', () => recall([0, 2, Infinity], [0, 1, 0], [1]), 'embeddings: row 2 holds Infinity'],
    ['too few labels', () => recall([0, 1, 5], [0, 1], [1]), 'labels: 2 for 3 embeddings. Give one for each.'],
    ['half a row', () => recallAtK(new Float32Array(5), 2, Int32Array.of(0, 0), [1], cpu), 'no rows of 2'],
    ['a k of 0', () => recall([0, 1], [0, 0], [1, 0]), 'ks [1,0]: give whole numbers of 1 or more.'],
    ['no k', () => recall([0, 1], [0, 0], []), 'ks []: give whole numbers'],
  ])('refuses %s with one clear error', async (_, attempt, message) => {
    const error = await attempt().catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(UserError);
    expect((error as Error).message).toContain(message);
  });
});
