/** Comparisons, logic, and what else gives no floating-point numbers; element types. */
import type { OperatorName } from '../onnx/names.js';
import type { DType } from '../onnx/types.js';
import type { Operator } from './operator.js';
import { axisOf, broadcastAll, discrete, fail, input, int, requireType, sameType } from './operator.js';

const truth = discrete('a truth value');

const compare: Operator = {
  inputs: [2, 2],
  shape: (inputs) => {
    sameType(inputs);
    return [{ dtype: 'bool', shape: broadcastAll(inputs) }];
  },
  attributes: {},
  gradient: truth,
};

const logical = (count: 1 | 2): Operator => ({
  inputs: [count, count],
  shape: (inputs) => {
    inputs.forEach((_, i) => requireType(inputs, i, 'bool'));
    return [{ dtype: 'bool', shape: broadcastAll(inputs) }];
  },
  attributes: {},
  gradient: truth,
});

const argExtreme: Operator = {
  inputs: [1, 1],
  shape: (inputs, attributes) => {
    const { shape } = input(inputs, 0);
    const axis = axisOf(int(attributes, 'axis', 0), shape.length);
    const kept = shape.map((dim, i) => (i === axis ? 1 : dim));
    return [{ dtype: 'int64', shape: int(attributes, 'keepdims', 1) ? kept : kept.filter((_, i) => i !== axis) }];
  },
  attributes: { axis: 'int', keepdims: 'int', select_last_index: 'int' },
  gradient: discrete('an index'),
};

export const logic = {
  And: logical(2),
  ArgMax: argExtreme,
  ArgMin: argExtreme,
  /** To another floating-point type the gradient passes; integers and truth values have none. */
  Cast: {
    inputs: [1, 1],
    shape: (inputs, { to }) => [
      { dtype: (to as DType) ?? fail('attribute to is missing'), shape: input(inputs, 0).shape },
    ],
    attributes: { to: 'dtype' },
    gradient: ({ g, dy, x: [value] }) => [() => g.op('Cast', [dy], { to: value!.dtype })],
  },
  Equal: compare,
  Greater: compare,
  GreaterOrEqual: compare,
  Less: compare,
  LessOrEqual: compare,
  Not: logical(1),
  Or: logical(2),
  /** How many elements there are is known when the graph runs: the caller names the dimension. */
  Range: {
    inputs: [3, 3],
    shape: (inputs) => [{ dtype: sameType(inputs), shape: ['range'] }],
    attributes: {},
    gradient: { none: 'the number of elements depends on the inputs' },
  },
  Shape: {
    inputs: [1, 1],
    shape: (inputs, attributes) => {
      const rank = input(inputs, 0).shape.length;
      const place = (axis: number) => Math.min(Math.max(axis < 0 ? axis + rank : axis, 0), rank);
      const [start, end] = [place(int(attributes, 'start', 0)), place(int(attributes, 'end', rank))];
      return [{ dtype: 'int64', shape: [Math.max(0, end - start)] }];
    },
    attributes: { start: 'int', end: 'int' },
    gradient: discrete('a shape'),
  },
} satisfies Partial<Record<OperatorName, Operator>>;
