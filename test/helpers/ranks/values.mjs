const scales = [1, 1e3, 1e-4, 1e7, 30, 1e-2, 1e5];

/** Of very different sizes, so that their sum in float32 depends on the order. */
export function valuesOf(rank, length) {
  const values = new Float32Array(length);
  for (let i = 0; i < length; i++)
    values[i] = (((i * 7919 + rank * 104729) % 10007) - 5000.3) * scales[(i + 3 * rank) % 7];
  return values;
}
