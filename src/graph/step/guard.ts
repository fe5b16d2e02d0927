/**
 * What keeps one step from doing harm: the length of the gradient, by which it is clipped, and updates that are left out where
 * numbers are not finite. Each is an option, and neither writes a node when it is off.
 */
import type { GraphBuilder, Value } from '../builder/builder.js';
import { packOrder } from '../state/flat.js';
import type { TrainingOptions } from '../options.js';

export type GuardOptions = Pick<TrainingOptions, 'clipNorm' | 'skipNotFinite'>;

const allAxes = (x: Value): number[] => x.shape.map((_, axis) => axis);

/** [1]. The rows of a matrix first, then over them: a sum of sums is several times as exact as one long sum. */
function squareSum(g: GraphBuilder, x: Value): Value {
  if (x.shape.length < 2) return g.op('ReduceSumSquare', [x, g.ints(allAxes(x))], { keepdims: 1 });
  const rows = g.op('ReduceSumSquare', [x, g.ints(allAxes(x).slice(1))], { keepdims: 0 });
  return g.op('ReduceSum', [rows, g.ints([0])], { keepdims: 1 });
}

/**
 * The L2 norm over all values of some tensors (a scalar), or null when no option asks for it. Each tensor's share is computed
 * when the backward pass has reached it, in the order that `pack` is written for, so that this takes no memory.
 */
export function gradientNorm(
  g: GraphBuilder,
  tensors: readonly Value[],
  { clipNorm, skipNotFinite }: GuardOptions,
): Value | null {
  if (clipNorm === undefined && !skipNotFinite) return null;
  return g.scope('gradient_norm', () => {
    const squares = packOrder(tensors).map((tensor) => squareSum(g, tensor));
    const total = g.op('ReduceSum', [g.op('Concat', squares, { axis: 0 }), g.ints([0])], { keepdims: 0 });
    return g.op('Sqrt', [total]);
  });
}

const largestFloat = 3.4028234663852886e38;

/** Whether a scalar is a number; bool. */
export const isFiniteScalar = (g: GraphBuilder, x: Value): Value =>
  g.op('LessOrEqual', [g.op('Abs', [x]), g.scalar(largestFloat)]);

/** Whether two scalars are both numbers; bool. */
export function areFinite(g: GraphBuilder, values: readonly [Value, Value]): Value {
  const [a, b] = values.map((x) => isFiniteScalar(g, x)) as [Value, Value];
  return g.op('And', [a, b]);
}

/**
 * The state after a step: the old one, untouched, where the loss or the norm of the gradient is not finite. Takes memory for
 * two more of the largest vector; the state after the update when the option is off.
 */
export function skipNotFinite<State extends Record<string, Value>>(
  g: GraphBuilder,
  { before, after, loss, norm }: { before: State; after: State; loss: Value; norm: Value | null },
  { skipNotFinite: isOn }: GuardOptions,
): State {
  if (!isOn || norm === null) return after;
  return g.scope('skip', () => {
    const isFinite = areFinite(g, [loss, norm]);
    const choose = (name: string, next: Value): Value =>
      next === before[name] ? next : g.op('Where', [isFinite, next, before[name]!]);
    return Object.fromEntries(Object.entries(after).map(([name, next]) => [name, choose(name, next)])) as State;
  });
}
