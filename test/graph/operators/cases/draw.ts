/** Random cases of operators: shapes, values, axes, and the inputs of a node. */
import type { Attributes, DType } from '../../../../src/graph/onnx/types.js';
import type { Philox } from '../../../../src/graph/state/philox.js';
import { elementCount } from '../../../../src/graph/onnx/types.js';

/**
 * An input of a node. `free`: float32, which is watched, fed or a constant as it comes; `fed`: unknown to the builder;
 * `constant`: known to it.
 */
export interface CaseInput {
  role: 'free' | 'watched' | 'fed' | 'constant';
  dtype: DType;
  shape: number[];
  values: number[];
}

export interface Case {
  /** A number stands for the input at that place, used once more. */
  inputs: readonly (CaseInput | number | null)[];
  attributes?: Attributes;
  /** 1 unless given. */
  outputs?: number;
}

export type Generate = (draw: Draw) => Case;

/** Elements of a tensor: few, so that each can be moved. */
const most = 60;

export class Draw {
  constructor(private readonly random: Philox) {}

  /** An integer from `low` to `high`, both possible. */
  int(low: number, high: number): number {
    return low + this.random.int(high - low + 1);
  }

  pick<T>(from: readonly T[]): T {
    return from[this.random.int(from.length)]!;
  }

  maybe(chance = 0.5): boolean {
    return this.random.unit() < chance;
  }

  normal = (): number => this.random.normal();
  positive = (): number => Math.abs(this.normal()) + 0.5;
  /** No kink at 0 is near. */
  offZero = (): number => this.off([0]);

  /** None of the places is within 0.05. */
  off(places: readonly number[], value = this.normal()): number {
    return places.some((place) => Math.abs(place - value) < 0.05) ? this.off(places) : value;
  }

  /** `count` different integers below n, in random order. */
  choose = (n: number, count: number): number[] => this.random.choose(n, count);

  shape(lowestRank = 0, highestRank = 4): number[] {
    const shape = Array.from({ length: this.int(lowestRank, highestRank) }, () => this.int(1, 4));
    while (elementCount(shape) > most) shape[shape.indexOf(Math.max(...shape))]!--;
    return shape;
  }

  /** An axis, or several different ones, counted from either end. */
  axis(rank: number): number {
    return this.fromEither(this.int(0, rank - 1), rank);
  }
  axes(rank: number): number[] {
    return this.choose(rank, this.int(1, rank)).map((axis) => this.fromEither(axis, rank));
  }
  fromEither(index: number, size: number): number {
    return this.maybe() ? index : index - size;
  }

  tensor(shape: number[], value: () => number = this.normal): CaseInput {
    return { role: 'free', dtype: 'float32', shape, values: this.fill(shape, value) };
  }
  /** Watched in every case. */
  watched = (shape: number[], value: () => number = this.normal): CaseInput => ({
    ...this.tensor(shape, value),
    role: 'watched',
  });
  /** No two numbers are within 0.05 of each other, those of tensors of another `family` (0, 1, 2) neither: no ties are near. */
  distinct(shape: number[], family = 0): CaseInput {
    const count = elementCount(shape);
    const order = this.choose(count, count);
    return this.tensor(shape, () => 0.15 * (order.pop()! - count / 2) + 0.05 * family);
  }
  ints(values: number[]): CaseInput {
    return { role: 'constant', dtype: 'int64', shape: [values.length], values };
  }
  constant(dtype: DType, shape: number[], value: () => number): CaseInput {
    return { role: 'constant', dtype, shape, values: this.fill(shape, value) };
  }
  /** Indices of a dimension, from either end, of either type, known or fed. */
  indices(shape: number[], size: number): CaseInput {
    const from = this.constant(this.pick(['int32', 'int64']), shape, () =>
      this.fromEither(this.int(0, size - 1), size),
    );
    return { ...from, role: this.pick(['constant', 'fed']) };
  }
  truths(shape: number[]): CaseInput {
    return { ...this.constant('bool', shape, () => this.int(0, 1)), role: this.pick(['constant', 'fed']) };
  }
  fill(shape: readonly number[], value: () => number): number[] {
    return Array.from({ length: elementCount(shape) }, value);
  }

  /** Shapes that are broadcast to one. */
  broadcast(count: number): number[][] {
    const whole = this.shape();
    return Array.from({ length: count }, () =>
      whole.slice(this.maybe(0.7) ? 0 : this.int(0, whole.length)).map((dim) => (this.maybe(0.3) ? 1 : dim)),
    );
  }

  /** An attribute in half of the cases; else its default holds. */
  optional<T>(value: T): T | undefined {
    return this.maybe() ? value : undefined;
  }
}
