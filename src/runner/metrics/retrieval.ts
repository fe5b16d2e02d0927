/**
 * How well nearest neighbors show a query's class, with the definitions of pytorch-metric-learning's `AccuracyCalculator` (Musgrave,
 * Belongie, Lim, "A Metric Learning Reality Check", ECCV 2020). Queries that are alone in their class do not count.
 */

export interface RetrievalMetrics {
  /** The share of queries whose nearest neighbor is of their class. */
  precision_at_1: number;
  /** The share of a query's class among its R nearest, where R is how many others its class has; mean over queries. */
  r_precision: number;
  /** The mean of precision@i over i = 1..R, counting 0 where neighbor i is of another class; mean over queries (MAP@R). */
  mean_average_precision_at_r: number;
}

/** Average precision at R of each query, by its place; NaN for those that are alone in their class. */
export interface ScoredQueries extends RetrievalMetrics {
  averagePrecision: Float64Array;
}

const countOf = (labels: Int32Array): Map<number, number> => {
  const counts = new Map<number, number>();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  return counts;
};

/** How many neighbors of each query `scoreQueries` has to see: one fewer than the largest class has images. */
export const neighborsNeeded = (labels: Int32Array): number => Math.max(0, ...countOf(labels).values()) - 1;

/**
 * @param neighbors [n, depth]: places of each query's nearest neighbors, itself excluded, closest first
 * @param depth at least `neighborsNeeded(labels)`
 * @throws RangeError when depth is smaller, or every label occurs once
 */
export function scoreQueries(neighbors: Int32Array, depth: number, labels: Int32Array): ScoredQueries {
  const counts = countOf(labels);
  const needed = neighborsNeeded(labels);
  if (needed < 1) throw new RangeError('no class has two images');
  if (depth < needed) throw new RangeError(`${needed} neighbors of each query are needed, got ${depth}`);
  const averagePrecision = new Float64Array(labels.length).fill(NaN);
  let [queries, first, precision, average] = [0, 0, 0, 0];
  for (const [query, label] of labels.entries()) {
    const others = counts.get(label)! - 1;
    if (others === 0) continue;
    let [hits, sum] = [0, 0];
    for (let i = 0; i < others; i++) {
      if (labels[neighbors[query * depth + i]!] !== label) continue;
      hits++;
      sum += hits / (i + 1);
      if (i === 0) first++;
    }
    averagePrecision[query] = sum / others;
    precision += hits / others;
    average += sum / others;
    queries++;
  }
  return {
    precision_at_1: first / queries,
    r_precision: precision / queries,
    mean_average_precision_at_r: average / queries,
    averagePrecision,
  };
}
