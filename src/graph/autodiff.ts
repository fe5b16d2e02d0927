/** Reverse-mode differentiation over what a GraphBuilder recorded. */
import type { GraphBuilder, Value } from './builder.js';

/**
 * Gradients of the scalar `loss` with respect to `targets`, in their order.
 *
 * The tape is walked backwards; the gradients that reach a value from its several uses are added in that order.
 *
 * @throws Error when the loss does not depend on a target
 */
export function gradients(g: GraphBuilder, loss: Value, targets: readonly Value[]): Value[] {
  const arrived = new Map<string, Value>();
  arrived.set(loss.name, g.constant('float32', loss.shape as number[], [1]));
  const tape = g.tape.splice(0);
  for (const { scope, inputs, output, vjp } of tape.reverse()) {
    const gradient = arrived.get(output.name);
    if (!gradient) continue;
    arrived.delete(output.name);
    g.scope(`grad.${scope}`, () => {
      vjp(gradient).forEach((contribution, i) => {
        const input = inputs[i]!;
        if (!contribution || !input.tracked) return;
        const before = arrived.get(input.name);
        arrived.set(input.name, before ? g.op('Add', [before, contribution]) : contribution);
      });
    });
  }
  return targets.map((target) => {
    const gradient = arrived.get(target.name);
    if (!gradient) throw new Error(`the loss does not depend on ${target.name}`);
    return gradient;
  });
}
