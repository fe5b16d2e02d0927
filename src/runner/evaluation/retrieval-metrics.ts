/**
 * How well nearest neighbors show a query's class: Recall@k, and the metrics of pytorch-metric-learning's `AccuracyCalculator` with its
 * definitions (Musgrave, Belongie, Lim, "A Metric Learning Reality Check", ECCV 2020). Queries that have nothing to find count in
 * Recall@k, which they lower, and nowhere else.
 */

/** Recall@k by k, each in [0, 1]. */
export type Recall = Record<number, number>;

export interface RetrievalMetrics {
  /** The share of queries whose nearest neighbor is of their class. */
  precision_at_1: number;
  /** The share of a query's class among its R nearest, where R is how many of its class it can find; mean over queries. */
  r_precision: number;
  /** The mean of precision@i over i = 1..R, counting 0 where neighbor i is of another class; mean over queries (MAP@R). */
  mean_average_precision_at_r: number;
}

/** Scores of queries, from ranked neighbors that are added query by query: nothing of the size queries x neighbors is kept. */
export class QueryScores {
  /** Average precision at R of each query, by its place among the queries; NaN for those that have nothing to find. */
  readonly averagePrecision: Float64Array;
  /** By query: 1 where the nearest neighbor is of its class, 0 where not, -1 where it has nothing to find. */
  readonly nearestIsRight: Int8Array;
  private readonly found: number[];
  private precision = 0;
  private isShort = false;

  /**
   * @param others [queries] how many of its class each can find
   * @param ks of Recall@k
   */
  constructor(
    private readonly others: Int32Array,
    private readonly ks: readonly number[],
  ) {
    this.averagePrecision = new Float64Array(others.length).fill(NaN);
    this.nearestIsRight = new Int8Array(others.length).fill(-1);
    this.found = ks.map(() => 0);
  }

  /** @param hits [depth] of the nearest neighbors, closest first: 1 where one is of the query's class, else 0 */
  add(query: number, hits: Uint8Array): void {
    const others = this.others[query]!;
    if (others === 0) return;
    const rank = hits.indexOf(1);
    if (rank >= 0) for (const [i, k] of this.ks.entries()) if (rank < k) this.found[i]!++;
    this.nearestIsRight[query] = hits[0]!;
    if (hits.length < others) {
      this.isShort = true;
      return;
    }
    let [right, sum] = [0, 0];
    for (let i = 0; i < others; i++) if (hits[i]) sum += ++right / (i + 1);
    this.averagePrecision[query] = sum / others;
    this.precision += right / others;
  }

  /** The share of queries with one of their class among their k nearest. A k beyond the gallery means all of it. */
  recall(): Recall {
    return Object.fromEntries(this.ks.map((k, i) => [k, this.found[i]! / this.others.length]));
  }

  /** @throws RangeError when no query has anything to find, or was added with fewer neighbors than it can find */
  metrics(): RetrievalMetrics {
    const asked = this.others.reduce((count, others) => count + Number(others > 0), 0);
    if (asked === 0) throw new RangeError('no query has another image of its class to find');
    if (this.isShort) throw new RangeError('as many neighbors are needed as a query can find of its class');
    let [first, average] = [0, 0];
    for (const [query, precision] of this.averagePrecision.entries()) {
      if (this.others[query] === 0) continue;
      average += precision;
      first += this.nearestIsRight[query]!;
    }
    return {
      precision_at_1: first / asked,
      r_precision: this.precision / asked,
      mean_average_precision_at_r: average / asked,
    };
  }
}
