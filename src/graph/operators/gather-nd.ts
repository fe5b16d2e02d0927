/** Operators that pick slices by indices of several axes at once. */
import type { OperatorName } from '../onnx/names.js';
import type { Nodes, Value } from '../onnx/nodes.js';
import { fixed } from '../onnx/nodes.js';
import type { Attributes, Shape } from '../onnx/types.js';
import { elementCount, showShape } from '../onnx/types.js';
import { countUp, reshaped, zerosOf } from './broadcasting.js';
import { scatterRows } from './scatter-rows.js';
import type { Call, Operator, OperatorInputs } from './operator.js';
import { fail, input, int, known, requireType, sameType } from './operator.js';

/** The shape of what is picked: that of the indices but for their last axis, then what they leave of the data's axes. */
function pickedShape(inputs: OperatorInputs, attributes: Attributes): Shape {
  requireType(inputs, 1, 'int64');
  const [{ shape }, indices] = [input(inputs, 0), input(inputs, 1)];
  const batch = int(attributes, 'batch_dims', 0);
  if (!indices.shape.length || !shape.length) fail('data and indices must have an axis or more');
  const depth = known(indices.shape.at(-1));
  if (batch + depth > shape.length || batch >= indices.shape.length)
    fail(`indices ${showShape(indices.shape)} behind ${batch} axes do not fit ${showShape(shape)}`);
  if (showShape(indices.shape.slice(0, batch)) !== showShape(shape.slice(0, batch)))
    fail(`${showShape(indices.shape)} and ${showShape(shape)} differ in their first ${batch} axes`);
  return [...indices.shape.slice(0, -1), ...shape.slice(batch + depth)];
}

/** Which row of the data, its first axes taken as one, each of the indices names. */
function rowsOf(g: Nodes, indices: Value, shape: readonly number[], batch: number): Value {
  const picked = fixed(indices.shape);
  const depth = picked.at(-1)!;
  const sizes = shape.slice(batch, batch + depth);
  const strides = sizes.map((_, i) => elementCount(sizes.slice(i + 1)));
  const negative = g.op('Less', [indices, g.scalar(0, 'int64')]);
  const front = g.op('Where', [negative, g.op('Add', [indices, g.ints(sizes)]), indices]);
  const within = g.op('ReduceSum', [g.op('Mul', [front, g.ints(strides)]), g.ints([-1])], { keepdims: 0 });
  if (!batch) return within;
  const batches = shape.slice(0, batch);
  const ones = picked.slice(batch, -1).map(() => 1);
  const before = g.op('Mul', [countUp(g, [...batches, ...ones], 'int64'), g.scalar(elementCount(sizes), 'int64')]);
  return g.op('Add', [within, before]);
}

/** Rows are added up at the rows that they were taken from. */
function pickedSlope({ g, dy, x: [data, indices], attributes }: Call): Value {
  const shape = fixed(data!.shape);
  const batch = int(attributes, 'batch_dims', 0);
  const depth = fixed(indices!.shape).at(-1)!;
  const rest = shape.slice(batch + depth);
  const rows = reshaped(g, rowsOf(g, indices!, shape, batch), [-1]);
  const flat = [elementCount(shape.slice(0, batch + depth)), elementCount(rest)];
  return reshaped(g, scatterRows(g, reshaped(g, dy, [-1, flat[1]!]), rows, flat), shape);
}

export const gatherNDs = {
  GatherND: {
    inputs: [2, 2],
    shape: (inputs, attributes) => [{ dtype: input(inputs, 0).dtype, shape: pickedShape(inputs, attributes) }],
    attributes: { batch_dims: 'int' },
    gradient: (call) => [() => pickedSlope(call), null],
  },
  /** With `add`: y = x, plus the updates at their places; else with the updates there, whose indices differ. */
  ScatterND: {
    inputs: [3, 3],
    shape: (inputs) => {
      const wanted = showShape(pickedShape(inputs, {}));
      const updates = input(inputs, 2);
      if (showShape(updates.shape) !== wanted) fail(`updates are ${showShape(updates.shape)}; wanted: ${wanted}`);
      return [{ dtype: sameType([input(inputs, 0), updates]), shape: input(inputs, 0).shape }];
    },
    attributes: { reduction: 'string' },
    gradient: ({ g, dy, x: [, indices, updates], attributes: { reduction = 'none' } }) => {
      if (reduction !== 'add' && reduction !== 'none')
        fail(`no rule for reduction ${String(reduction)}; only for none, add`);
      const replaced = () => g.op('ScatterND', [dy, indices!, zerosOf(g, updates!.shape, dy.dtype)]);
      return [reduction === 'add' ? () => dy : replaced, null, () => g.op('GatherND', [dy, indices!])];
    },
  },
} satisfies Partial<Record<OperatorName, Operator>>;
