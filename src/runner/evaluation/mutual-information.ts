/**
 * How much a clustering says about classes, as scikit-learn's `normalized_mutual_info_score` and `adjusted_mutual_info_score` with
 * arithmetic means, which pytorch-metric-learning's NMI and AMI are.
 */

interface Contingency {
  n: number;
  /** Sizes of the classes, and of the clusters. */
  rows: number[];
  columns: number[];
  /** Images of class i in cluster j, where there are any. */
  cells: { i: number; j: number; count: number }[];
}

const places = (labels: Int32Array) => new Map([...new Set(labels)].map((label, i) => [label, i]));

function contingency(classes: Int32Array, clusters: Int32Array): Contingency {
  const [rowOf, columnOf] = [places(classes), places(clusters)];
  const rows = Array<number>(rowOf.size).fill(0);
  const columns = Array<number>(columnOf.size).fill(0);
  const counts = new Map<number, number>();
  for (const [k, label] of classes.entries()) {
    const [i, j] = [rowOf.get(label)!, columnOf.get(clusters[k]!)!];
    rows[i]!++;
    columns[j]!++;
    const cell = i * columns.length + j;
    counts.set(cell, (counts.get(cell) ?? 0) + 1);
  }
  const cells = [...counts].map(([cell, count]) => ({
    i: Math.floor(cell / columns.length),
    j: cell % columns.length,
    count,
  }));
  return { n: classes.length, rows, columns, cells };
}

const entropy = (sizes: number[], n: number): number =>
  -sizes.reduce((sum, size) => sum + (size / n) * Math.log(size / n), 0);

const mutualInformation = ({ n, rows, columns, cells }: Contingency): number =>
  cells.reduce((sum, { i, j, count }) => sum + (count / n) * Math.log((n * count) / (rows[i]! * columns[j]!)), 0);

/** log(0!), log(1!), ... log(n!). */
function logFactorials(n: number): Float64Array {
  const logs = new Float64Array(n + 1);
  for (let k = 2; k <= n; k++) logs[k] = logs[k - 1]! + Math.log(k);
  return logs;
}

/** How often each value occurs. */
const tally = (values: number[]): [value: number, times: number][] => {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts];
};

/**
 * Mean mutual information of random clusterings with these sizes: a sum over the hypergeometric distribution of each cell (Vinh,
 * Epps, Bailey, JMLR 2010, equation 24a). Cells of the same two sizes share their term.
 */
function expectedMutualInformation({ n, rows, columns }: Contingency): number {
  const log = logFactorials(n);
  let total = 0;
  for (const [a, timesA] of tally(rows)) {
    for (const [b, timesB] of tally(columns)) {
      const fixed = log[a]! + log[b]! + log[n - a]! + log[n - b]! - log[n]!;
      let sum = 0;
      for (let count = Math.max(1, a + b - n); count <= Math.min(a, b); count++) {
        const logProbability = fixed - log[count]! - log[a - count]! - log[b - count]! - log[n - a - b + count]!;
        sum += (count / n) * Math.log((n * count) / (a * b)) * Math.exp(logProbability);
      }
      total += timesA * timesB * sum;
    }
  }
  return total;
}

/** Below this, what chance leaves open is rounding: every image is alone both in its class and in its cluster. */
const leastRoom = 1e-12;

export interface ClusteringMetrics {
  /** Normalized mutual information, in [0, 1]. */
  NMI: number;
  /** Adjusted mutual information: 0 for a random clustering, 1 for a perfect one. */
  AMI: number;
}

/**
 * @param classes [n] labels
 * @param clusters [n] the cluster that each was put into
 */
export function compareClusters(classes: Int32Array, clusters: Int32Array): ClusteringMetrics {
  const table = contingency(classes, clusters);
  if (table.rows.length === 1 && table.columns.length === 1) return { NMI: 1, AMI: 1 };
  const information = mutualInformation(table);
  const mean = (entropy(table.rows, table.n) + entropy(table.columns, table.n)) / 2;
  const expected = expectedMutualInformation(table);
  const room = mean - expected;
  return { NMI: Math.max(0, information) / mean, AMI: room > leastRoom ? (information - expected) / room : 0 };
}
