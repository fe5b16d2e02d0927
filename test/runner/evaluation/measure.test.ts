import { afterAll, describe, expect, it } from 'vitest';
import { everyone } from '../../../src/runner/data/search-sets.js';
import { ComputeThread } from '../../../src/runner/compute/thread.js';
import { measureEmbeddings } from '../../../src/runner/evaluation/measure.js';

const thread = new ComputeThread({ device: 'cpu', deviceId: 0, threads: 1 });
afterAll(() => thread.close());

/** Points on a circle, at angles in degrees. */
const circle = (angles: number[]) =>
  Float32Array.from(angles.flatMap((angle) => [Math.cos((angle * Math.PI) / 180), Math.sin((angle * Math.PI) / 180)]));

const measure = async (embeddings: Float32Array, labels: number[], sets = everyone(labels.length), ks = [1, 2]) => {
  const { scores, metrics } = await measureEmbeddings(thread, { embeddings, dim: 2 }, Int32Array.from(labels), {
    sets,
    ks,
  });
  return { recall: scores.recall(), ...metrics };
};

describe('measureEmbeddings', () => {
  it('finds everything right where classes lie apart, and says what it is doing', async () => {
    const stages = new Set<string>();
    const angles = [0, 1, 2, 120, 121, 122, 240, 241, 242];
    const { metrics } = await measureEmbeddings(
      thread,
      { embeddings: circle(angles), dim: 2 },
      Int32Array.of(0, 0, 0, 1, 1, 1, 2, 2, 2),
      { sets: everyone(9), ks: [1] },
      { onProgress: (stage) => stages.add(stage) },
    );
    expect(metrics).toMatchObject({ precision_at_1: 1, r_precision: 1, mean_average_precision_at_r: 1 });
    expect(metrics.NMI).toBeGreaterThan(0.6);
    expect(stages).toEqual(new Set(['search', 'cluster']));
  });

  it('gives the values computed by hand where classes mix', async () => {
    // Neighbors in order: 0 -> 1 (b); 10 -> 0, 25 (a, both); 25 -> 10 (b) first; 45 -> 25 (a) first.
    const metrics = await measure(circle([0, 10, 25, 45]), [0, 1, 0, 1]);
    expect(metrics).toMatchObject({ precision_at_1: 0, r_precision: 0, mean_average_precision_at_r: 0 });
  });

  it('is not misled by embeddings that lie very close together', async () => {
    const embeddings = Float32Array.from(
      [0, 1, 2.5, 3.5, 5, 6, 7.5, 8.5].flatMap((t) => [Math.cos(0.7 + 1e-4 * t), Math.sin(0.7 + 1e-4 * t)]),
    );
    const metrics = await measure(embeddings, [0, 0, 1, 1, 2, 2, 3, 3]);
    expect(metrics).toMatchObject({ precision_at_1: 1, r_precision: 1, mean_average_precision_at_r: 1 });
    // k-means' first start puts one pair's points into two clusters.
    expect(metrics.NMI).toBeCloseTo(1, 9);
  });

  it('goes on with k-means where embeddings lie very close together', async () => {
    // It begins at two points of the first class: the first round leaves two of them with the second one, NMI .34.
    const embeddings = Float32Array.from(
      [0, 1, 2, 3, 20, 21, 22, 23].flatMap((t) => [Math.cos(0.7 + 1e-5 * t), Math.sin(0.7 + 1e-5 * t)]),
    );
    expect((await measure(embeddings, [0, 0, 0, 0, 1, 1, 1, 1])).NMI).toBeCloseTo(1, 9);
  });

  it('refuses labels that occur once each', async () => {
    await expect(measure(circle([0, 90]), [0, 1])).rejects.toThrow('no query has another image of its class');
  });
});

describe('queries and a gallery of their own', () => {
  // In degrees: the queries at 0 (class 0), 50 (class 1) and 90 (class 2, which the gallery does not have).
  // The gallery at 3 (a distractor), 5 (class 0), 10 (class 0), 52 (class 1), 95 (a distractor).
  const embeddings = circle([0, 50, 90, 3, 5, 10, 52, 95]);
  const labels = [0, 1, 2, 8, 0, 0, 1, 9];
  const sets = { queries: Int32Array.of(0, 1, 2), gallery: Int32Array.of(3, 4, 5, 6, 7) };

  it('are scored by what the gallery holds, distractors in the way', async () => {
    const metrics = await measure(embeddings, labels, sets, [1, 2, 100]);
    // 0 finds the distractor first, then both of its class; 50 is right at once; 90 has nothing to find.
    expect(metrics.recall).toEqual({ 1: 1 / 3, 2: 2 / 3, 100: 2 / 3 });
    expect(metrics.precision_at_1).toBeCloseTo(1 / 2, 12);
    expect(metrics.r_precision).toBeCloseTo((1 / 2 + 1) / 2, 12);
    expect(metrics.mean_average_precision_at_r).toBeCloseTo((1 / 4 + 1) / 2, 12);
    // Three queries of three classes are three clusters.
    expect(metrics.NMI).toBeCloseTo(1, 12);
  });

  it('that lie in the gallery as well do not find themselves', async () => {
    const overlapping = { queries: Int32Array.of(4, 5), gallery: Int32Array.of(4, 5, 6) };
    const metrics = await measure(embeddings, labels, overlapping);
    expect(metrics).toMatchObject({ recall: { 1: 1, 2: 1 }, r_precision: 1 });
  });
});
