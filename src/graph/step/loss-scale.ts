/**
 * Mixed precision (Micikevicius et al., ICLR 2018). The backbone computes in float16, on a copy of the parameters that is made once a step;
 * its statistics, the head, sampling, loss and update are float32. Gradients below 6e-8 would be zeros in float16, so the loss is
 * multiplied by a scale before the backward pass, and the gradients divided by it after; a step whose gradients are not finite is left out,
 * with a smaller scale for the next one.
 */
import type { GraphBuilder } from '../builder/builder.js';
import type { Value } from '../onnx/nodes.js';
import { scaling } from '../parts/state.js';

const at = (g: GraphBuilder, state: Value, index: number): Value =>
  g.op('Gather', [state, g.constant('int64', [], [index])], { axis: 0 });

/** The scale in the state `loss_scale`, a scalar. */
export const scaleIn = (g: GraphBuilder, state: Value): Value => at(g, state, 0);

/**
 * The state `loss_scale` after a step: what it is multiplied with, and steps since it changed.
 *
 * @param isFinite whether the step was taken; bool scalar
 */
export function nextScale(g: GraphBuilder, state: Value, isFinite: Value): Value {
  const { growth, backoff, interval } = scaling;
  const pair = (a: number, b: number): Value => g.constant('float32', [2], [a, b]);
  const isDue = g.op('GreaterOrEqual', [at(g, state, 1), g.scalar(interval - 1)]);
  const larger = g.op('Mul', [state, pair(growth, 0)]);
  const counted = g.op('Add', [state, pair(0, 1)]);
  const smaller = g.op('Mul', [state, pair(backoff, 0)]);
  return g.op('Where', [isFinite, g.op('Where', [isDue, larger, counted]), smaller]);
}
