/** What a row of the operators' table is, and the checks that shape rules are made of. */
import type { AttributeTypes } from '../onnx/attributes.js';
import type { Nodes, Value } from '../onnx/nodes.js';
import type { Attributes, DType, Dim, Shape } from '../onnx/types.js';
import { showShape } from '../onnx/types.js';

export interface TypedShape {
  dtype: DType;
  shape: Shape;
}

export interface OperatorInput extends TypedShape {
  /** The values of a constant. */
  data?: readonly number[];
}

/** In their order; those left out stand as null, or are not there. */
export type OperatorInputs = readonly (OperatorInput | null)[];

/**
 * Types of the outputs from those of the inputs.
 *
 * @param outputs how many are wanted
 * @throws Error that says what does not fit, or is not supported
 */
export type ShapeRule = (inputs: OperatorInputs, attributes: Attributes, outputs: number) => TypedShape[];

/** A node whose gradient is wanted. */
export interface Call {
  g: Nodes;
  /** The inputs; those left out stand as null. */
  x: readonly Value[];
  y: Value;
  outputs: readonly Value[];
  attributes: Attributes;
  /** The gradient of `y`, the first output. */
  dy: Value;
  /** Those of all outputs; null where none has arrived. */
  dys: readonly (Value | null)[];
}

/** Writes the gradient of one input; called only if that is tracked. */
export type InputGradient = () => Value;

/** One entry for each input; null for one that no gradient can reach (indices, axes). */
export type GradientRule = (call: Call) => readonly (InputGradient | null)[];

/**
 * - a rule
 * - `zero`: the output does not change with the input, or only in jumps: no gradient, silently, for the reason given
 * - `none`: there is a gradient, but no rule: using the operator on a tracked value is an error
 */
export type Gradient = GradientRule | { zero: string } | { none: string };

export interface Operator {
  /** How many inputs it has: at least, at most. */
  inputs: readonly [number, number];
  shape: ShapeRule;
  /** Those that are not supported are left out: they are an error. */
  attributes: AttributeTypes;
  gradient: Gradient;
}

export const fail = (message: string): never => {
  throw new Error(message);
};

/** @throws Error unless the operator's inputs are there, and no more */
export function requireInputs({ inputs: [least, most] }: Operator, inputs: OperatorInputs): void {
  if (inputs.length > most) fail(`${inputs.length} inputs are too many; it has ${most}`);
  for (let i = 0; i < least; i++) input(inputs, i);
}

export const input = (inputs: OperatorInputs, index: number): OperatorInput =>
  inputs[index] ?? fail(`input ${index} is missing`);

export const constant = (inputs: OperatorInputs, index: number): readonly number[] =>
  input(inputs, index).data ?? fail(`input ${index} must be a constant`);

export const known = (dim: Dim | undefined): number =>
  typeof dim === 'number' ? dim : fail(`dimension ${String(dim)} must be known when the graph is built`);

export const axisOf = (axis: number, rank: number): number =>
  axis >= -rank && axis < rank ? (axis + rank) % rank : fail(`axis ${axis} is out of range for rank ${rank}`);

/** Axes counted from the front. @throws Error for one out of range, or named twice */
export function axesOf(axes: readonly number[], rank: number): number[] {
  const all = axes.map((axis) => axisOf(axis, rank));
  return new Set(all).size === all.length ? all : fail(`an axis stands twice in [${axes.join(', ')}]`);
}

export const int = (attributes: Attributes, name: string, otherwise: number): number =>
  (attributes[name] as number | undefined) ?? otherwise;

export const ints = (attributes: Attributes, name: string, otherwise: readonly number[]): readonly number[] =>
  (attributes[name] as readonly number[] | undefined) ?? otherwise;

/** NumPy's rule for shapes that are combined element by element. */
export function broadcast(a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const x = a[a.length - rank + i] ?? 1;
    const y = b[b.length - rank + i] ?? 1;
    if (x === y || y === 1) return x;
    return x === 1 ? y : fail(`shapes ${showShape(a)} and ${showShape(b)} do not broadcast`);
  });
}

/** The inputs that are not left out. */
export const given = (inputs: OperatorInputs): OperatorInput[] => inputs.filter((x) => x !== null);

export const sameType = (inputs: OperatorInputs): DType => {
  const dtypes = given(inputs).map(({ dtype }) => dtype);
  return new Set(dtypes).size === 1 ? dtypes[0]! : fail(`element types differ: ${dtypes.join(', ')}`);
};

/** @throws Error unless an input is of a type */
export const requireType = (inputs: OperatorInputs, index: number, wanted: DType): void => {
  const { dtype } = input(inputs, index);
  if (dtype !== wanted) fail(`input ${index} is ${dtype}; wanted: ${wanted}`);
};

export const broadcastAll = (inputs: OperatorInputs): Shape =>
  inputs.map((_, i) => input(inputs, i).shape).reduce(broadcast);

export const elementwise: ShapeRule = (inputs) => [{ dtype: sameType(inputs), shape: broadcastAll(inputs) }];

export const unary: ShapeRule = (inputs) => [{ dtype: input(inputs, 0).dtype, shape: input(inputs, 0).shape }];

/** Inputs and attributes that have no gradient because nothing about them is continuous. */
export const discrete = (what: string): Gradient => ({ zero: `${what} is no continuous function of its inputs` });
