/** Sums over ranks in an order of their own: what MPI's reductions add first may depend on sizes, machines and versions. */
import type { Reduction } from './communicator.js';

/**
 * In float64, rank by rank, rounded once; `artifacts/rank-sum.ts` does the same on a device.
 *
 * @param parts of all ranks, one after another; `into` is as long as each
 */
export function sumRanks(parts: Float32Array, into: Float32Array, as: Reduction = 'sum'): void {
  const { length } = into;
  const divisor = as === 'mean' ? parts.length / length : 1;
  for (let i = 0; i < length; i++) {
    let sum = parts[i]!;
    for (let at = i + length; at < parts.length; at += length) sum += parts[at]!;
    into[i] = sum / divisor;
  }
}
