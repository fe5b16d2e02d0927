import { describe, expect, it } from 'vitest';
import { choosePlaces } from '../../../src/runner/report/choose-images.js';

const evenly = (classes: number, each: number) =>
  Array.from({ length: classes * each }, (_, i) => Math.floor(i / each));
const sizes = (labels: number[], places: number[]) => {
  const counts = new Map<number, number>();
  for (const place of places) counts.set(labels[place]!, (counts.get(labels[place]!) ?? 0) + 1);
  return [...counts.values()];
};

describe('choosePlaces', () => {
  it('takes everything where that is little enough', () => {
    expect(choosePlaces([3, 3, 1], 3)).toEqual([0, 1, 2]);
  });

  it('takes whole classes, as many as fit, in their order and always the same', () => {
    const labels = evenly(100, 7);
    const places = choosePlaces(labels, 360);
    expect(sizes(labels, places)).toEqual(Array(51).fill(7));
    expect(places).toEqual([...places].sort((a, b) => a - b));
    expect(choosePlaces(labels, 360)).toEqual(places);
  });

  it('takes more images of a class than a call takes arguments', () => {
    expect(choosePlaces(evenly(1, 300_000), 250_000)).toHaveLength(250_000);
  });

  it('takes a part of each of few large classes, so that they stay to be told apart', () => {
    const labels = evenly(4, 1000);
    expect(sizes(labels, choosePlaces(labels, 400))).toEqual([100, 100, 100, 100]);
  });

  it('leaves two of a class at least, or there is nothing to find', () => {
    const labels = evenly(60, 10);
    expect(new Set(sizes(labels, choosePlaces(labels, 20)))).toEqual(new Set([2]));
  });
});
