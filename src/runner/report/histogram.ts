/** Values counted in bins of equal width. */

export interface Bins {
  from: number;
  to: number;
  count: number;
}

export const binCenters = ({ from, to, count }: Bins): number[] =>
  Array.from({ length: count }, (_, i) => from + ((i + 0.5) * (to - from)) / count);

/** A histogram that is filled value by value. What lies outside counts in the outermost bins. */
export class Histogram {
  readonly counts: Float64Array;

  constructor(readonly bins: Bins) {
    this.counts = new Float64Array(bins.count);
  }

  add(value: number, weight = 1): void {
    const { from, to, count } = this.bins;
    const place = Math.floor((count * (value - from)) / (to - from));
    this.counts[Math.min(count - 1, Math.max(0, place))]! += weight;
  }

  /** The total is 1 where the bins' width is counted; all 0 when nothing was added. */
  density(): number[] {
    const { from, to, count } = this.bins;
    const total = this.counts.reduce((sum, value) => sum + value, 0);
    return Array.from(this.counts, (value) => (total > 0 ? (value * count) / (total * (to - from)) : 0));
  }
}

/** @param values any number of them */
export function histogramOf(values: Iterable<number>, bins: Bins): Histogram {
  const histogram = new Histogram(bins);
  for (const value of values) histogram.add(value);
  return histogram;
}
