/** Optimizers as a few element-wise nodes over flat vectors, with PyTorch's conventions. */
import type { GraphBuilder, Value } from './builder.js';
import type { OptimizerName, UpdateOptions } from './options.js';
import type { NetworkLayout } from './state.js';

type Vectors = Record<string, Value>;

/**
 * How an update goes on once there is a gradient. What needs none, the products of the state with constants, is written by
 * the function that returns this, before the network: ONNX Runtime runs a node's newest inputs first, so that these old ones wait
 * for the gradient instead of being held in memory from the start.
 */
type Update = (gradient: Value, learningRate: Value) => Vectors;

const times = (g: GraphBuilder, x: Value, factor: number): Value => g.op('Mul', [x, g.scalar(factor)]);

/** gradient + weightDecay * parameter: L2 weight decay. */
function weightDecayed(g: GraphBuilder, parameter: Value, weightDecay: number): (gradient: Value) => Value {
  if (!weightDecay) return (gradient) => gradient;
  const decay = times(g, parameter, weightDecay);
  return (gradient) => g.op('Add', [gradient, decay]);
}

/** What is subtracted from a vector that moves along `direction` at a learning rate (a scalar). */
type Scale = (g: GraphBuilder, direction: Value, learningRate: Value) => Value;

const plain: Scale = (g, direction, learningRate) => g.op('Mul', [direction, learningRate]);

/** The first `bodyCount` values of the network's parameters move at `backboneLrMult` times the learning rate. */
function scaleOf({ bodyCount, paramCount }: NetworkLayout, { backboneLrMult }: UpdateOptions): Scale {
  if (backboneLrMult === 1) return plain;
  return (g, direction, learningRate) => {
    const sizes = g.ints([bodyCount, paramCount - bodyCount]);
    const [body, rest] = g.ops('Split', [direction, sizes], { axis: 0 }, 2) as [Value, Value];
    const slower = times(g, learningRate, backboneLrMult);
    return g.op('Concat', [plain(g, body, slower), plain(g, rest, learningRate)], { axis: 0 });
  };
}

/** One step of SGD: v' = momentum v + (gradient + wd p), p' = p - lr v'. A first step from v = 0 equals PyTorch's. */
function sgd(
  g: GraphBuilder,
  { parameter, velocity }: Record<'parameter' | 'velocity', Value>,
  { momentum, weightDecay }: UpdateOptions,
  scale: Scale,
): (gradient: Value, learningRate: Value) => { parameter: Value; velocity: Value } {
  const decayed = weightDecayed(g, parameter, weightDecay);
  const slowed = times(g, velocity, momentum);
  return (gradient, learningRate) => {
    const next = g.op('Add', [slowed, decayed(gradient)]);
    return { parameter: g.op('Sub', [parameter, scale(g, next, learningRate)]), velocity: next };
  };
}

export const adamDefaults = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 } as const;

/** An exponential average: old * rate + x * (1 - rate). */
function average(g: GraphBuilder, old: Value, rate: number): (x: Value) => Value {
  const kept = times(g, old, rate);
  return (x) => g.op('Add', [kept, times(g, x, 1 - rate)]);
}

type NetworkOptimizer = (g: GraphBuilder, state: Vectors, options: UpdateOptions, scale: Scale) => Update;

/**
 * One step of Adam: m' = b1 m + (1 - b1) d, v' = b2 v + (1 - b2) d^2, p' = p - lr (m' / c1) / (sqrt(v' / c2) + eps), where
 * d = gradient + wd p and c = 1 - b^t.
 *
 * `bias_correction` [2] holds (c1, c2). It is carried as the running average of ones, c' = b c + (1 - b), because 1 - b^t
 * cancels in float32: at the first steps of b2 = 0.999 five digits are left.
 */
const adam: NetworkOptimizer = (g, state, options, scale) => {
  const { beta1, beta2, epsilon } = adamDefaults;
  const rates = [beta1, beta2];
  const decayed = weightDecayed(g, state['params']!, options.weightDecay);
  const averageFirst = average(g, state['exp_avg']!, beta1);
  const averageSecond = average(g, state['exp_avg_sq']!, beta2);
  return (gradient, learningRate) => {
    const direction = decayed(gradient);
    const first = averageFirst(direction);
    const second = averageSecond(g.op('Mul', [direction, direction]));
    const decay = g.op('Mul', [state['bias_correction']!, g.constant('float32', [2], rates)]);
    const ones = g.constant(
      'float32',
      [2],
      rates.map((rate) => 1 - rate),
    );
    const correction = g.op('Add', [decay, ones]);
    const [c1, c2] = g.ops('Split', [correction, g.ints([1, 1])], { axis: 0 }, 2) as [Value, Value];
    const denominator = g.op('Add', [g.op('Sqrt', [g.op('Div', [second, c2])]), g.scalar(epsilon)]);
    const step = scale(g, g.op('Div', [first, denominator]), g.op('Div', [learningRate, c1]));
    return {
      params: g.op('Sub', [state['params']!, step]),
      exp_avg: first,
      exp_avg_sq: second,
      bias_correction: correction,
    };
  };
};

const networkOptimizers: Record<OptimizerName, NetworkOptimizer> = {
  sgd: (g, state, options, scale) => {
    const update = sgd(g, { parameter: state['params']!, velocity: state['momentum']! }, options, scale);
    return (gradient, learningRate) => {
      const { parameter, velocity } = update(gradient, learningRate);
      return { params: parameter, momentum: velocity };
    };
  },
  adam,
};

export interface UpdateInputs {
  gradient: { params: Value; beta: Value | null };
  /** Scalars. */
  learningRate: { network: Value; beta: Value };
}

/**
 * The whole update: the network by the chosen optimizer, beta by SGD of its own (with the network's momentum and weight
 * decay), whichever optimizer the network has. Call it before the network is built, and what it returns with the gradient.
 *
 * @returns the new values of the state that changes, by name
 */
export function optimizer(
  g: GraphBuilder,
  state: Vectors,
  layout: NetworkLayout,
  options: UpdateOptions,
): (inputs: UpdateInputs) => Vectors {
  const updateNetwork = g.scope('optimizer', () =>
    networkOptimizers[options.optimizer](g, state, options, scaleOf(layout, options)),
  );
  const vectors = { parameter: state['beta']!, velocity: state['beta_momentum']! };
  const updateBeta = options.learnBeta ? g.scope('optimizer_beta', () => sgd(g, vectors, options, plain)) : null;
  return ({ gradient, learningRate }) => {
    const network = g.scope('optimizer', () => updateNetwork(gradient.params, learningRate.network));
    if (!gradient.beta || !updateBeta) return network;
    const { parameter, velocity } = g.scope('optimizer_beta', () => updateBeta(gradient.beta!, learningRate.beta));
    return { ...network, beta: parameter, beta_momentum: velocity };
  };
}
