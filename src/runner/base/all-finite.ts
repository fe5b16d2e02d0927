/** Whether all values are finite; `every` would take seconds for a large network. */
export function allFinite(values: Float32Array): boolean {
  let sum = 0;
  // x - x is 0, or NaN for what is not finite.
  for (let i = 0; i < values.length; i++) sum += values[i]! - values[i]!;
  return sum === 0;
}
