/** Optimizers as a few element-wise nodes over flat vectors, with PyTorch's conventions. */
import type { GraphBuilder, Value } from './builder.js';
import type { TrainingOptions } from './options.js';
import type { NetworkLayout } from './state.js';

type Vectors = Record<string, Value>;

/** gradient + weightDecay * parameter: L2 weight decay. */
const decayed = (g: GraphBuilder, gradient: Value, parameter: Value, weightDecay: number): Value =>
  weightDecay ? g.op('Add', [gradient, g.op('Mul', [parameter, g.scalar(weightDecay)])]) : gradient;

/** old * factor + x */
const accumulate = (g: GraphBuilder, old: Value, factor: number, x: Value): Value =>
  g.op('Add', [g.op('Mul', [old, g.scalar(factor)]), x]);

/** What is subtracted from a vector that moves along `direction` at a learning rate (a scalar). */
type Scale = (g: GraphBuilder, direction: Value, learningRate: Value) => Value;

const plain: Scale = (g, direction, learningRate) => g.op('Mul', [direction, learningRate]);

/** The first `bodyCount` values of the network's parameters move at `backboneLrMult` times the learning rate. */
function scaleOf({ bodyCount, paramCount }: NetworkLayout, { backboneLrMult }: TrainingOptions): Scale {
  if (backboneLrMult === 1) return plain;
  return (g, direction, learningRate) => {
    const sizes = g.ints([bodyCount, paramCount - bodyCount]);
    const [body, rest] = g.ops('Split', [direction, sizes], { axis: 0 }, 2) as [Value, Value];
    const slower = g.op('Mul', [learningRate, g.scalar(backboneLrMult)]);
    return g.op('Concat', [plain(g, body, slower), plain(g, rest, learningRate)], { axis: 0 });
  };
}

/** One step of SGD: v' = momentum v + (gradient + wd p), p' = p - lr v'. A first step from v = 0 equals PyTorch's. */
export function sgd(
  g: GraphBuilder,
  {
    parameter,
    gradient,
    velocity,
    learningRate,
  }: Record<'parameter' | 'gradient' | 'velocity' | 'learningRate', Value>,
  { momentum, weightDecay }: Pick<TrainingOptions, 'momentum' | 'weightDecay'>,
  scale: Scale = plain,
): { parameter: Value; velocity: Value } {
  const next = accumulate(g, velocity, momentum, decayed(g, gradient, parameter, weightDecay));
  return { parameter: g.op('Sub', [parameter, scale(g, next, learningRate)]), velocity: next };
}

export const adamDefaults = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 } as const;

/** An exponential average: old * rate + x * (1 - rate). */
const average = (g: GraphBuilder, old: Value, rate: number, x: Value): Value =>
  accumulate(g, old, rate, g.op('Mul', [x, g.scalar(1 - rate)]));

/**
 * One step of Adam: m' = b1 m + (1 - b1) d, v' = b2 v + (1 - b2) d^2, p' = p - lr (m' / c1) / (sqrt(v' / c2) + eps), where
 * d = gradient + wd p and c = 1 - b^t.
 *
 * `bias_correction` [2] holds (c1, c2). It is carried as the running average of ones, c' = b c + (1 - b), because 1 - b^t
 * cancels in float32: at the first steps of b2 = 0.999 five digits are left.
 */
function adam(
  g: GraphBuilder,
  state: Vectors,
  gradient: Value,
  learningRate: Value,
  options: TrainingOptions,
  scale: Scale,
): Vectors {
  const { beta1, beta2, epsilon } = adamDefaults;
  const rates = [beta1, beta2];
  const direction = decayed(g, gradient, state['params']!, options.weightDecay);
  const first = average(g, state['exp_avg']!, beta1, direction);
  const second = average(g, state['exp_avg_sq']!, beta2, g.op('Mul', [direction, direction]));
  const decay = g.op('Mul', [state['bias_correction']!, g.constant('float32', [2], rates)]);
  const correction = g.op('Add', [
    decay,
    g.constant(
      'float32',
      [2],
      rates.map((rate) => 1 - rate),
    ),
  ]);
  const [c1, c2] = g.ops('Split', [correction, g.ints([1, 1])], { axis: 0 }, 2) as [Value, Value];
  const denominator = g.op('Add', [g.op('Sqrt', [g.op('Div', [second, c2])]), g.scalar(epsilon)]);
  const step = scale(g, g.op('Div', [first, denominator]), g.op('Div', [learningRate, c1]));
  return {
    params: g.op('Sub', [state['params']!, step]),
    exp_avg: first,
    exp_avg_sq: second,
    bias_correction: correction,
  };
}

const networkOptimizers = {
  sgd: (
    g: GraphBuilder,
    state: Vectors,
    gradient: Value,
    learningRate: Value,
    options: TrainingOptions,
    scale: Scale,
  ): Vectors => {
    const vectors = { parameter: state['params']!, gradient, velocity: state['momentum']!, learningRate };
    const { parameter, velocity } = sgd(g, vectors, options, scale);
    return { params: parameter, momentum: velocity };
  },
  adam,
};

/**
 * The whole update: the network by the chosen optimizer, beta by SGD of its own (with the network's momentum and weight
 * decay), whichever optimizer the network has.
 *
 * @returns the new values of the state that changes, by name
 */
export function optimizerStep(
  g: GraphBuilder,
  state: Vectors,
  gradient: { params: Value; beta: Value | null },
  learningRate: { network: Value; beta: Value },
  layout: NetworkLayout,
  options: TrainingOptions,
): Vectors {
  const scale = scaleOf(layout, options);
  const network = g.scope('optimizer', () =>
    networkOptimizers[options.optimizer](g, state, gradient.params, learningRate.network, options, scale),
  );
  if (!gradient.beta) return network;
  const vectors = {
    parameter: state['beta']!,
    gradient: gradient.beta,
    velocity: state['beta_momentum']!,
    learningRate: learningRate.beta,
  };
  const { parameter, velocity } = g.scope('optimizer_beta', () => sgd(g, vectors, options));
  return { ...network, beta: parameter, beta_momentum: velocity };
}
