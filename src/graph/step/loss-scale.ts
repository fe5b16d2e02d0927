/**
 * Mixed precision (Micikevicius et al., ICLR 2018). The backbone computes in float16, on a copy of the parameters that is made once a step;
 * its statistics, the head, sampling, loss and update are float32. Gradients below 6e-8 would be zeros in float16, so the loss is
 * multiplied by a scale before the backward pass, and the gradients divided by it after; a step whose gradients are not finite is left out,
 * with a smaller scale for the next one. PyTorch's GradScaler does the same but for a loss that is not finite itself: the forward pass knows
 * no scale, so a smaller one mends nothing there, and every such step would take half of it.
 */
import type { GraphBuilder } from '../builder/builder.js';
import type { Value } from '../onnx/nodes.js';
import { scaling } from '../parts/state.js';

const at = (g: GraphBuilder, state: Value, index: number): Value =>
  g.op('Gather', [state, g.constant('int64', [], [index])], { axis: 0 });

/** The scale in the state `loss_scale`, a scalar. */
export const scaleIn = (g: GraphBuilder, state: Value): Value => at(g, state, 0);

/** Scales that float32 has, and whose reciprocals it has too: PyTorch's grows while it is finite. */
const bounds = { least: 2 ** -126, most: 2 ** 126 } as const;

/**
 * The state `loss_scale` after a step: what the loss is multiplied with, and steps since it changed.
 *
 * @param step whether it was taken, and whether its loss is finite; bool scalars
 */
export function nextScale(g: GraphBuilder, state: Value, step: { isTaken: Value; isLossFinite: Value }): Value {
  const { growth, backoff, interval } = scaling;
  const both = (...values: readonly [number, number]): Value => g.constant('float32', [2], values);
  const isDue = g.op('GreaterOrEqual', [at(g, state, 1), g.scalar(interval - 1)]);
  const larger = g.op('Min', [g.op('Mul', [state, both(growth, 0)]), both(bounds.most, 0)]);
  const counted = g.op('Add', [state, both(0, 1)]);
  const smaller = g.op('Max', [g.op('Mul', [state, both(backoff, 0)]), both(bounds.least, 0)]);
  const taken = g.op('Where', [isDue, larger, counted]);
  return g.op('Where', [step.isTaken, taken, g.op('Where', [step.isLossFinite, smaller, state])]);
}
