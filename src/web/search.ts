/** Exact nearest neighbors of one query among many embeddings. */

/** Values [count, dim], row-major; of `int8`, the value of q is q * scale. */
export interface Rows {
  data: Float32Array | Int8Array;
  dim: number;
  /** 1 for float32. */
  scale: number;
}

/**
 * Squared distances of a query to each row, in units of scale^2. Sums are float64; four of them at a time, so that additions do not wait
 * for each other.
 *
 * @param query [dim], divided by scale
 * @param out [count]
 */
function squaredDistances(data: Float32Array | Int8Array, query: Float64Array, out: Float64Array): void {
  const dim = query.length;
  const whole = dim - (dim % 4);
  for (let row = 0, at = 0; row < out.length; row++, at += dim) {
    let a = 0;
    let b = 0;
    let c = 0;
    let d = 0;
    for (let i = 0; i < whole; i += 4) {
      const x = query[i]! - data[at + i]!;
      const y = query[i + 1]! - data[at + i + 1]!;
      const z = query[i + 2]! - data[at + i + 2]!;
      const w = query[i + 3]! - data[at + i + 3]!;
      a += x * x;
      b += y * y;
      c += z * z;
      d += w * w;
    }
    for (let i = whole; i < dim; i++) {
      const x = query[i]! - data[at + i]!;
      a += x * x;
    }
    out[row] = a + b + (c + d);
  }
}

/**
 * Places of the k smallest values, smallest first, of equal ones the lower place first: a heap of the best k, the worst on
 * top.
 */
function smallest(values: Float64Array, k: number): number[] {
  const heap: number[] = [];
  const isWorse = (i: number, j: number) => values[i]! > values[j]! || (values[i] === values[j] && i > j);
  const sink = (index: number) => {
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isWorse(heap[child + 1]!, heap[child]!)) child++;
      if (!isWorse(heap[child]!, index)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = index;
  };
  const rise = (index: number) => {
    let at = heap.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isWorse(index, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = index;
  };
  for (let i = 0; i < values.length; i++) {
    if (heap.length < k) rise(i);
    else if (values[i]! < values[heap[0]!]!) sink(i);
  }
  return heap.sort((i, j) => values[i]! - values[j]! || i - j);
}

/** Searches with memory that is taken once. */
export class Search {
  private readonly query: Float64Array;
  private readonly distances: Float64Array;

  constructor(private readonly rows: Rows) {
    this.query = new Float64Array(rows.dim);
    this.distances = new Float64Array(rows.data.length / rows.dim);
  }

  /**
   * @param query [dim]
   * @param k at least 1; all rows when there are fewer
   * @returns the k nearest rows and their Euclidean distances, closest first, of equal distances the lower row first
   */
  nearest(query: Float32Array, k: number): { index: number; distance: number }[] {
    const { data, scale } = this.rows;
    for (let i = 0; i < this.query.length; i++) this.query[i] = query[i]! / scale;
    squaredDistances(data, this.query, this.distances);
    return smallest(this.distances, k).map((index) => ({
      index,
      distance: scale * Math.sqrt(this.distances[index]!),
    }));
  }
}
