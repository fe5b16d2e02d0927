/** Embeddings that are measured: checked once, and moved to where float32 tells them apart. */
import { UserError } from '../base/errors.js';

/** Rows of numbers, row-major. */
export interface Rows {
  /** [n, dim] */
  embeddings: Float32Array;
  dim: number;
}

/** Copies of some rows, one after the other. */
export function rowsAt({ embeddings, dim }: Rows, places: Int32Array): Float32Array {
  const rows = new Float32Array(places.length * dim);
  for (const [row, place] of places.entries()) {
    rows.set(embeddings.subarray(place * dim, (place + 1) * dim), row * dim);
  }
  return rows;
}

/**
 * @param labels one for each row, where there are some
 * @throws UserError for embeddings that do not come to whole rows, or hold a number that is not finite, and for labels that are
 *   not as many
 */
export function requireEmbeddings({ embeddings, dim }: Rows, labels?: ArrayLike<number>): void {
  const n = embeddings.length / dim;
  if (!Number.isSafeInteger(dim) || dim < 1 || !Number.isSafeInteger(n)) {
    throw new UserError(
      `embeddings: ${embeddings.length} numbers are no rows of ${dim}. Give [n, dim], one row after the other.`,
    );
  }
  if (labels && labels.length !== n) {
    throw new UserError(`labels: ${labels.length} for ${n} embeddings. Give one for each.`);
  }
  const bad = embeddings.findIndex((value) => !Number.isFinite(value));
  if (bad < 0) return;
  throw new UserError(
    `embeddings: row ${Math.floor(bad / dim)} holds ${embeddings[bad]}, and distances to it say nothing. ` +
      'Leave out what is not finite, or look for why the network gives it.',
  );
}

/** Mean of the rows, and the mean square of their distance to it. */
export function spreadOf({ embeddings, dim }: Rows): { mean: Float64Array; variance: number } {
  const n = embeddings.length / dim;
  const mean = new Float64Array(dim);
  for (let i = 0; i < embeddings.length; i += dim) {
    for (let d = 0; d < dim; d++) mean[d]! += embeddings[i + d]! / n;
  }
  let variance = 0;
  for (let i = 0; i < embeddings.length; i += dim) {
    for (let d = 0; d < dim; d++) variance += (embeddings[i + d]! - mean[d]!) ** 2 / n;
  }
  return { mean, variance };
}

/**
 * The rows with about their mean subtracted, which changes no distance. In float32, |g|^2 - 2 q.g is off by 6e-8 of |g|^2: where all
 * rows lie close together but far from 0, that is more than they are apart. What is subtracted is rounded to a power of 2 that is
 * small beside the spread, so that the subtraction rounds nothing away: equal distances stay equal, and rows around 0 stay as they are.
 */
export function centered(rows: Rows): Rows {
  const { embeddings, dim } = rows;
  const { mean, variance } = spreadOf(rows);
  if (!(variance > 0)) return rows;
  const step = 2 ** Math.floor(Math.log2(Math.sqrt(variance / dim)));
  const offset = Float64Array.from(mean, (value) => step * Math.round(value / step));
  if (offset.every((value) => value === 0)) return rows;
  const moved = new Float32Array(embeddings.length);
  for (let i = 0; i < embeddings.length; i += dim) {
    for (let d = 0; d < dim; d++) moved[i + d] = embeddings[i + d]! - offset[d]!;
  }
  return { embeddings: moved, dim };
}
