import { describe, expect, it } from 'vitest';
import { binCenters, Histogram, histogramOf } from '../../../src/runner/report/histogram.js';

const bins = { from: 0, to: 2, count: 4 };

describe('a histogram', () => {
  it('counts each value once, at the upper end of two bins in the upper one', () => {
    expect([...histogramOf([0, 0.49, 0.5, 1.2, 1.99], bins).counts]).toEqual([2, 1, 1, 1]);
  });

  it('counts what lies outside in the outermost bins', () => {
    expect([...histogramOf([-1, 2, 7], bins).counts]).toEqual([1, 0, 0, 2]);
  });

  it('counts weights', () => {
    const histogram = new Histogram(bins);
    histogram.add(0.1, 0.25);
    histogram.add(0.2, 0.5);
    expect([...histogram.counts]).toEqual([0.75, 0, 0, 0]);
  });

  it('as a density has the area 1, and none without values', () => {
    const density = histogramOf([0.1, 0.2, 0.7, 1.9], bins).density();
    expect(density).toEqual([1, 0.5, 0, 0.5]);
    expect(density.reduce((sum, value) => sum + 0.5 * value, 0)).toBe(1);
    expect(histogramOf([], bins).density()).toEqual([0, 0, 0, 0]);
  });

  it('has its centers between the ends of its bins', () => {
    expect(binCenters(bins)).toEqual([0.25, 0.75, 1.25, 1.75]);
  });
});
