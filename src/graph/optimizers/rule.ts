/**
 * What an optimizer is: a chain of small rules, each of which turns the direction of a step into another one. The chain ends with
 * the learning rate, and what comes out is subtracted.
 */
import type { GraphBuilder } from '../builder/builder.js';
import { listing, requireBuilder } from '../builder/listing.js';
import { requireKeys } from '../known-names.js';
import type { Value } from '../onnx/nodes.js';
import type { Declarations, OptionDeclaration, ValuesOf } from '../declarations.js';
import { complaint } from '../declarations.js';

/** A step on its way through the chain; it begins as the gradient. */
export interface Step {
  /** Of the parameters' shape. */
  direction: Value;
  /** Scalar; what the schedule says. */
  learningRate: Value;
  /** The L2 norm of the whole gradient, where something has asked for it. */
  norm: Value | null;
}

/** What a rule makes of a step. State that it names goes on with the training. */
export type Advance = (step: Step) => Step & { state?: Readonly<Record<string, Value>> };

export interface Rule {
  /** Names of state that is laid out as the parameters are: 0 at first. */
  vectors?: readonly string[];
  /** Further state, shape by name: 0 at first. */
  scalars?: Readonly<Record<string, readonly number[]>>;
  /**
   * Writes what needs no gradient, such as products of the state with constants, and returns how a step goes on once there is
   * one. This part is written before the network: ONNX Runtime runs a node's newest inputs first, so that these old ones wait for
   * the gradient instead of being held in memory from the start.
   */
  begin: (g: GraphBuilder, before: { parameter: Value; state: Readonly<Record<string, Value>> }) => Advance;
}

/** What a run says of every optimizer. */
export interface SharedSettings {
  momentum: number;
  weightDecay: number;
}

export interface OptimizerDefinition<D extends Declarations = Declarations> {
  name: string;
  options: D;
  create(values: ValuesOf<D>, shared: SharedSettings): readonly Rule[];
}

/** An optimizer with options of its own. */
export const defineOptimizer = <D extends Declarations>(definition: OptimizerDefinition<D>): OptimizerDefinition<D> =>
  definition;

type Bounds = Omit<OptionDeclaration<number>, 'description' | 'default'>;

/** @throws Error naming a setting of a rule that nothing takes, or that is no number within its bounds */
export function requireSettings<T extends object>(rule: string, given: T, bounds: Record<keyof T, Bounds>): void {
  requireKeys(rule, given, Object.keys(bounds));
  for (const [name, bound] of Object.entries<Bounds>(bounds)) {
    const value: unknown = given[name as keyof T];
    const wanted = complaint({ default: 0, description: '', ...bound }, value);
    if (wanted !== undefined) throw new Error(`${rule}: ${name} is ${String(value)}: give ${wanted}`);
  }
}

export const times = (g: GraphBuilder, x: Value, factor: number): Value => {
  requireBuilder(g, 'times(g, x, factor)');
  return g.op('Mul', [x, g.scalar(factor, x.dtype)]);
};

/** An exponential average: old * rate + x * (1 - rate). */
export function average(g: GraphBuilder, old: Value, rate: number): (x: Value) => Value {
  requireBuilder(g, 'average(g, old, rate)');
  const kept = times(g, old, rate);
  return (x) => g.op('Add', [kept, times(g, x, 1 - rate)]);
}

/** Names of the rules' state that is laid out as what they move. */
export const vectorsOf = (rules: readonly Rule[]): string[] => rules.flatMap(({ vectors = [] }) => vectors);

/** Shapes of the rules' further state. */
export const scalarsOf = (rules: readonly Rule[]): [string, readonly number[]][] =>
  rules.flatMap(({ scalars = {} }) => Object.entries(scalars));

export interface Updated {
  parameter: Value;
  state: Record<string, Value>;
}

/** Of adam's, the rate is a list of one. */
const isOne = (value: Value): boolean => value.shape.every((dim) => dim === 1) && value.shape.length <= 1;

/** @throws Error for what is no step of a parameter */
function requireStep(step: unknown, parameter: Value): asserts step is ReturnType<Advance> {
  if (step instanceof Promise) throw new Error('a rule returns a Promise: it must not be async');
  if (typeof step !== 'object' || step === null)
    throw new Error(`a rule returns ${String(step)}: it returns the next step, { ...step, direction }`);
  requireKeys('what a rule returns', step, ['direction', 'learningRate', 'norm', 'state']);
  const { direction, learningRate } = step as Partial<Step>;
  const [given, wanted] = [direction, parameter].map((value) => String(value?.shape?.join(', ')));
  if (given !== wanted) throw new Error(`a rule returns a direction of shape [${given}] for parameters [${wanted}]`);
  if (!learningRate) throw new Error('a rule returns no learningRate: pass on what it was given');
  if (!isOne(learningRate))
    throw new Error(
      `a rule returns a learningRate of shape ${shapeOf(learningRate)}: it is a scalar; what differs from parameter to ` +
        `parameter is multiplied with the direction`,
    );
}

const shapeOf = (value: Value | undefined): string => `[${String(value?.shape?.join(', '))}]`;

/** @throws Error for state that a rule has not declared, or of another shape */
function requireState(state: Readonly<Record<string, Value>>, { vectors = [], scalars = {} }: Rule, like: Value): void {
  for (const [name, value] of Object.entries(state)) {
    const shape = vectors.includes(name) ? like.shape : scalars[name];
    if (!shape) throw new Error(`a rule returns the state ${name}: declare it among its vectors or scalars`);
    const [given, wanted] = [shapeOf(value), `[${shape.join(', ')}]`];
    if (given !== wanted) throw new Error(`a rule returns the state ${name} of shape ${given}: it has ${wanted}`);
    if (value.dtype !== 'float32') throw new Error(`a rule returns the state ${name} of ${value.dtype}: it is float32`);
  }
}

/** Begins every rule of a chain; the function that it returns takes the step. */
export function begin(
  g: GraphBuilder,
  rules: readonly Rule[],
  before: { parameter: Value; state: Readonly<Record<string, Value>> },
): (step: Step) => Updated {
  const begun = rules.map((rule) => {
    const state = listing('state', { ...before.state }, ' (the vectors and scalars of the rules)');
    const advance = rule.begin(g, { ...before, state });
    if ((advance as unknown) instanceof Promise)
      throw new Error('begin of a rule returns a Promise: it must not be async');
    if (typeof advance !== 'function') throw new Error('begin of a rule returns no function: step => step');
    return { rule, advance };
  });
  return (first) => {
    const next: Record<string, Value> = {};
    const { direction } = begun.reduce((step, { rule, advance }) => {
      const returned = advance(listing('step', { ...step, norm: step.norm ?? null }));
      requireStep(returned, before.parameter);
      const { state, ...after } = returned;
      requireState(state ?? {}, rule, before.parameter);
      Object.assign(next, state);
      return after;
    }, first);
    return { parameter: g.op('Sub', [before.parameter, direction]), state: next };
  };
}
