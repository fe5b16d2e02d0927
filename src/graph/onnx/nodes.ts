/** What writes nodes: the interface between the operators' table and the builder. */
import type { OperatorName } from './names.js';
import type { Provider } from '../options.js';
import type { Attributes, DType, Dim, Shape } from './types.js';

/** A tensor in the graph. */
export interface Value {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
  /** The values of a small constant, row-major. */
  readonly data?: readonly number[];
  /** True when a gradient has to flow through it: it depends on something marked with `GraphBuilder.watch`. */
  readonly tracked: boolean;
  /** The graph that it is part of. */
  readonly graph: symbol;
}

/** The part of `GraphBuilder` that lowerings and gradient rules write with; see there. */
export interface Nodes {
  /** The current place in the model, for example `base_net.layer3.2.conv1`. */
  readonly path: string;
  /** Where the graph will run: picks lowerings. */
  readonly provider: Provider;
  /** Whether what may come out otherwise each time is left out of the lowerings. */
  readonly deterministic: boolean;
  /** Whether the batch may be larger than memory, and the graph's size must not grow with it. */
  readonly isDivided: boolean;
  scope<T>(name: string, body: () => T): T;
  constant(dtype: DType, shape: readonly number[], values: ArrayLike<number>): Value;
  scalar(value: number, dtype?: DType): Value;
  ints(values: readonly number[]): Value;
  op(type: OperatorName, inputs: readonly (Value | null)[], attributes?: Attributes): Value;
  ops(type: OperatorName, inputs: readonly (Value | null)[], attributes: Attributes, outputs: number): Value[];
  loop(
    trips: Value,
    carried: readonly Value[],
    body: (g: Nodes, iteration: Value, carried: Value[]) => { carried: Value[]; collected: Value[] },
    steps: Dim,
  ): { carried: Value[]; collected: Value[] };
  untracked<T>(body: () => T): T;
  differentiable(
    inputs: readonly Value[],
    output: Value,
    vjp: (gradient: Value) => (Value | null)[],
    options?: { again?: boolean },
  ): Value;
}

export const isValue = (given: unknown): given is Value =>
  typeof given === 'object' && given !== null && 'name' in given && 'shape' in given;

/** A shape without named dimensions. @throws Error for one that is known only when the graph runs */
export function fixed(shape: Shape): number[] {
  return shape.map((dim) => {
    if (typeof dim === 'number') return dim;
    throw new Error(`dimension ${dim} must be known when the graph is built`);
  });
}
