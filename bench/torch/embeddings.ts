/** How alike embeddings are: rows of [images, dim], row-major, L2-normalized. */

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

const cosine = (a: Float32Array, b: Float32Array): number => dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));

const rowsOf = (embeddings: Float32Array, dim: number): Float32Array[] =>
  Array.from({ length: embeddings.length / dim }, (_, i) => embeddings.subarray(i * dim, (i + 1) * dim));

const meanOf = (rows: readonly Float32Array[]): Float32Array =>
  rows[0]!.map((_, i) => rows.reduce((sum, row) => sum + row[i]!, 0) / rows.length);

const minus = (row: Float32Array, center: Float32Array): Float32Array => row.map((value, i) => value - center[i]!);

/**
 * The smallest cosine of an image's two embeddings, as they are and again from the center of the expected ones: a network
 * that was never trained embeds all images much alike, and a wrong tensor shows only in how they differ. NaN where there
 * are values that are not numbers.
 *
 * @throws Error for another number of images
 */
export function smallestCosine(actual: Float32Array, expected: Float32Array, dim: number): number {
  if (actual.length !== expected.length) throw new Error(`${actual.length} values instead of ${expected.length}`);
  const wanted = rowsOf(expected, dim);
  const center = meanOf(wanted);
  const cosines = rowsOf(actual, dim).flatMap((row, i) => [
    cosine(row, wanted[i]!),
    cosine(minus(row, center), minus(wanted[i]!, center)),
  ]);
  return Math.min(...cosines);
}

/** The largest cosine of two images: at 1, the network does not tell them apart. */
export function largestCosineBetween(embeddings: Float32Array, dim: number): number {
  const rows = rowsOf(embeddings, dim);
  return Math.max(...rows.flatMap((row, i) => rows.slice(i + 1).map((other) => cosine(row, other))));
}

/** The smallest cosine of an image's two embeddings, as they are. @throws Error for another number of images */
export function smallestRowCosine(actual: Float32Array, expected: Float32Array, dim: number): number {
  if (actual.length !== expected.length) throw new Error(`${actual.length} values instead of ${expected.length}`);
  const wanted = rowsOf(expected, dim);
  return Math.min(...rowsOf(actual, dim).map((row, i) => cosine(row, wanted[i]!)));
}
