/** Operators that pick elements by indices. */
import type { OperatorName } from '../onnx/names.js';
import type { Nodes, Value } from '../onnx/nodes.js';
import { fixed } from '../onnx/nodes.js';
import type { Attributes } from '../onnx/types.js';
import { showShape } from '../onnx/types.js';
import { zerosOf } from './broadcasting.js';
import type { Call, Operator, OperatorInput, OperatorInputs } from './operator.js';
import { axisOf, constant, fail, input, int, sameType } from './operator.js';
import { scattered, scatterRows } from './scatter-rows.js';

const axisAttribute = { axis: 'int' } as const;

/** Indices from 0 on: negative ones count from the end. */
export function fromFront(g: Nodes, indices: Value, size: number): Value {
  const { data, dtype } = indices;
  if (data?.every((i) => i >= 0)) return indices;
  if (data) {
    const counted = data.map((i) => (i < 0 ? i + size : i));
    return g.constant(dtype, fixed(indices.shape), counted);
  }
  const isNegative = g.op('Less', [indices, g.scalar(0, dtype)]);
  return g.op('Where', [isNegative, g.op('Add', [indices, g.scalar(size, dtype)]), indices]);
}

/** Rows of another axis than the first: that axis goes to the front and back again. */
function gatherGradient({ g, dy, x: [data, given], attributes }: Call): Value {
  const shape = fixed(data!.shape);
  const axis = axisOf(int(attributes, 'axis', 0), shape.length);
  const indices = fromFront(g, given!, shape[axis]!);
  if (axis === 0) return scatterRows(g, dy, indices, shape);
  const behind = axis + indices.shape.length;
  const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);
  const front = [...range(axis, behind), ...range(0, axis), ...range(behind, dy.shape.length)];
  const rows = g.op('Transpose', [dy], { perm: front });
  const size = shape[axis]!;
  const rest = shape.filter((_, i) => i !== axis);
  const sums = scatterRows(g, rows, indices, [size, ...rest]);
  return g.op('Transpose', [sums], { perm: [...range(1, axis + 1), 0, ...range(axis + 1, shape.length)] });
}

const requireIndices = (inputs: OperatorInputs): OperatorInput => {
  const indices = input(inputs, 1);
  if (indices.dtype !== 'int32' && indices.dtype !== 'int64')
    fail(`indices are ${indices.dtype}; wanted: int32, int64`);
  return indices;
};

/** Indices of elements along an axis: of the same rank. */
const elementIndices = (inputs: OperatorInputs, attributes: Attributes): OperatorInput => {
  const [{ shape }, indices] = [input(inputs, 0), requireIndices(inputs)];
  axisOf(int(attributes, 'axis', 0), shape.length);
  if (indices.shape.length !== shape.length)
    fail(`indices ${showShape(indices.shape)} and data ${showShape(shape)} differ in rank`);
  return indices;
};

export const gathers = {
  Gather: {
    inputs: [2, 2],
    shape: (inputs, attributes) => {
      const [x, indices] = [input(inputs, 0), requireIndices(inputs)];
      const axis = axisOf(int(attributes, 'axis', 0), x.shape.length);
      return [{ dtype: x.dtype, shape: [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)] }];
    },
    attributes: axisAttribute,
    gradient: (call) => [() => gatherGradient(call), null],
  },
  GatherElements: {
    inputs: [2, 2],
    shape: (inputs, attributes) => [{ dtype: input(inputs, 0).dtype, shape: elementIndices(inputs, attributes).shape }],
    attributes: axisAttribute,
    gradient: ({ g, dy, x: [data, indices], attributes }) => [
      () => scattered(g, dy, indices!, data!.shape, int(attributes, 'axis', 0)),
      null,
    ],
  },
  /** With `add`: y = x, plus the updates at their places; else with the updates there, whose indices differ. */
  ScatterElements: {
    inputs: [3, 3],
    shape: (inputs, attributes) => {
      const [indices, updates] = [elementIndices(inputs, attributes), input(inputs, 2)];
      if (showShape(updates.shape) !== showShape(indices.shape))
        fail(`updates ${showShape(updates.shape)} and indices ${showShape(indices.shape)} differ`);
      return [{ dtype: sameType([input(inputs, 0), updates]), shape: input(inputs, 0).shape }];
    },
    attributes: { axis: 'int', reduction: 'string' },
    gradient: ({ g, dy, x: [, indices], attributes: { axis = 0, reduction = 'none' } }) => {
      if (reduction !== 'add' && reduction !== 'none')
        fail(`no rule for reduction ${String(reduction)}; only for none, add`);
      const replaced = () => g.op('ScatterElements', [dy, indices!, zerosOf(g, indices!.shape, dy.dtype)], { axis });
      return [reduction === 'add' ? () => dy : replaced, null, () => g.op('GatherElements', [dy, indices!], { axis })];
    },
  },
  /** The k largest stand at their indices, which differ. */
  TopK: {
    inputs: [2, 2],
    shape: (inputs, attributes) => {
      const { dtype, shape } = input(inputs, 0);
      const axis = axisOf(int(attributes, 'axis', -1), shape.length);
      const [k] = constant(inputs, 1) as [number];
      const size = shape[axis]!;
      if (typeof size === 'number' && k > size) fail(`there are no ${k} largest of ${size} elements`);
      const out = shape.map((dim, i) => (i === axis ? k : dim));
      return [
        { dtype, shape: out },
        { dtype: 'int64', shape: out },
      ];
    },
    attributes: { axis: 'int', largest: 'int', sorted: 'int' },
    gradient: ({ g, dy, x: [data], outputs: [, indices], attributes }) => [
      () => scattered(g, dy, indices!, data!.shape, axisOf(int(attributes, 'axis', -1), data!.shape.length)),
      null,
    ],
  },
} satisfies Partial<Record<OperatorName, Operator>>;
