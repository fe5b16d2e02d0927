/** The sum or the mean over ranks, where what they add up lies on a device. */
import { GraphBuilder } from '../builder/builder.js';
import { encodeModel } from '../onnx/schema.js';
import type { Provider } from '../options.js';

/**
 * In float64, rank by rank, rounded once: nodes of two terms leave no order open, so the bits are those of a loop on the host.
 *
 * Inputs: `part_0`, `part_1` and so on, float32 [length]. Output: `sum_out`, likewise.
 *
 * @param ranks 2 or more
 * @param as `mean`: divided by the number of ranks before it is rounded
 */
export function buildRankSum(ranks: number, provider: Provider, as: 'sum' | 'mean' = 'sum'): Uint8Array {
  const g = new GraphBuilder(provider);
  const parts = Array.from({ length: ranks }, (_, rank) =>
    g.op('Cast', [g.input(`part_${rank}`, 'float32', ['length'])], { to: 'float64' }),
  );
  const sum = parts.reduce((before, part) => g.op('Add', [before, part]));
  const made = as === 'mean' ? g.op('Div', [sum, g.scalar(ranks, 'float64')]) : sum;
  g.output('sum_out', g.op('Cast', [made], { to: 'float32' }));
  return encodeModel(g.model('rank_sum'));
}
