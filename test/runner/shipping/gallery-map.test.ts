import { describe, expect, it } from 'vitest';
import { Philox } from '../../../src/graph/state/philox.js';
import { mapEmbeddings } from '../../../src/runner/shipping/gallery-map.js';

const device = { device: 'cpu', deviceId: 0, threads: 1 } as const;
const dim = 8;

/** Embeddings of length 1 around one axis a class. @returns [classes * size, dim], classes in turn */
function clusters(classes: number, size: number): Float32Array {
  const random = new Philox(5, 'init');
  return Float32Array.from(
    Array.from({ length: classes * size }, (_, i) => {
      const row = Array.from({ length: dim }, (_, axis) => (axis === i % classes ? 1 : 0) + 0.1 * random.normal());
      const norm = Math.hypot(...row);
      return row.map((value) => value / norm);
    }).flat(),
  );
}

/** The share of images whose nearest on the map is of their class. */
function purity(places: Float32Array, classes: number): number {
  const n = places.length / 2;
  let hits = 0;
  for (let i = 0; i < n; i++) {
    const away = (j: number) => Math.hypot(places[2 * i]! - places[2 * j]!, places[2 * i + 1]! - places[2 * j + 1]!);
    const others = Array.from({ length: n }, (_, j) => j).filter((j) => j !== i);
    const nearest = others.reduce((best, j) => (away(j) < away(best) ? j : best));
    if (nearest % classes === i % classes) hits++;
  }
  return hits / n;
}

const isInside = (places: Float32Array) => places.every((value) => value >= 0 && value <= 1);

describe('mapEmbeddings', () => {
  it('puts images of a class together, in a square that they fill one way', async () => {
    const places = await mapEmbeddings(clusters(4, 30), dim, device);
    expect(places.length).toBe(2 * 120);
    expect(isInside(places)).toBe(true);
    expect(purity(places, 4)).toBeGreaterThan(0.95);
    const spans = [0, 1].map((axis) => {
      const values = [...places].filter((_, i) => i % 2 === axis);
      return Math.max(...values) - Math.min(...values);
    });
    expect(Math.max(...spans)).toBeCloseTo(1, 5);
  });

  it('gives the same map for the same embeddings', async () => {
    const embeddings = clusters(3, 10);
    expect(await mapEmbeddings(embeddings, dim, device)).toEqual(await mapEmbeddings(embeddings, dim, device));
  });

  it('puts what is not laid out among its nearest', async () => {
    const places = await mapEmbeddings(clusters(4, 60), dim, device, {}, 80);
    expect(isInside(places)).toBe(true);
    expect(purity(places, 4)).toBeGreaterThan(0.95);
  });

  it.each([1, 2, 3, 4, 5, 6, 20])('has places for %i images', async (n) => {
    const places = await mapEmbeddings(clusters(2, n).slice(0, n * dim), dim, device);
    expect(places.length).toBe(2 * n);
    expect(isInside(places)).toBe(true);
  });

  it('has places for images that are all the same', async () => {
    const places = await mapEmbeddings(new Float32Array(30 * dim).fill(Math.sqrt(1 / dim)), dim, device);
    expect(isInside(places)).toBe(true);
  });

  it('tells of its progress, and stops', async () => {
    const reason = new Error('enough');
    const controller = new AbortController();
    const seen: number[] = [];
    const onProgress = (done: number) => {
      if (seen.push(done) === 3) controller.abort(reason);
    };
    const map = mapEmbeddings(clusters(3, 10), dim, device, { onProgress, signal: controller.signal });
    await expect(map).rejects.toBe(reason);
    expect(seen).toEqual([1, 2, 3]);
  });
});
