/** Values as TensorBoard shows them: scalars and histograms. */
import type { Histogram, SummaryValue } from './schema.js';

const buckets = 30;

export const scalar = (tag: string, value: number): SummaryValue => ({ tag, simpleValue: value });

/** Buckets of equal width from the least to the greatest value; one bucket when all are equal. */
function histogramOf(values: ArrayLike<number>): Histogram {
  const histogram = { min: Infinity, max: -Infinity, num: values.length, sum: 0, sumSquares: 0 };
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    histogram.min = Math.min(histogram.min, value);
    histogram.max = Math.max(histogram.max, value);
    histogram.sum += value;
    histogram.sumSquares += value * value;
  }
  const { min, max } = histogram;
  const count = max > min ? buckets : 1;
  const bucket = new Array<number>(count).fill(0);
  for (let i = 0; i < values.length; i++) {
    const place = max > min ? Math.floor((count * (values[i]! - min)) / (max - min)) : 0;
    bucket[Math.min(place, count - 1)]!++;
  }
  const bucketLimit = bucket.map((_, i) => (i === count - 1 ? max : min + ((i + 1) * (max - min)) / count));
  return { ...histogram, bucketLimit, bucket };
}

/** @param values one or more */
export const histogram = (tag: string, values: ArrayLike<number>): SummaryValue => ({
  tag,
  histo: histogramOf(values),
});
