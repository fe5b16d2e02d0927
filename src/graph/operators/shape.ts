/** Operators that move elements without changing them. */
import type { OperatorName } from '../onnx/names.js';
import type { Nodes, Value } from '../onnx/nodes.js';
import { fixed } from '../onnx/nodes.js';
import type { Dim, Shape } from '../onnx/types.js';
import { showShape } from '../onnx/types.js';
import { reshaped, unbroadcast, zerosOf } from './broadcasting.js';
import type { Gradient, Operator, OperatorInputs, ShapeRule } from './operator.js';
import { axesOf, axisOf, broadcast, constant, fail, input, int, ints, known, sameType } from './operator.js';
import { padAxis } from './pad.js';

/** The same elements in the shape that they came from. */
const back: Gradient = ({ g, dy, x }) => [() => reshaped(g, dy, x[0]!.shape), ...x.slice(1).map(() => null)];

const moves = (
  inputs: Operator['inputs'],
  shape: ShapeRule,
  attributes: Operator['attributes'],
  gradient: Gradient,
): Operator => ({
  inputs,
  shape,
  attributes,
  gradient,
});

const countOf = (dims: Shape): number =>
  dims.reduce<number>((product, dim) => product * (typeof dim === 'number' && dim >= 0 ? dim : 1), 1);

const reshapeRule: ShapeRule = (inputs, attributes) => {
  const { dtype, shape } = input(inputs, 0);
  if (attributes['allowzero'] && inputs[1]?.data?.includes(0) !== false)
    fail('allowzero is 1: tensors without elements are not supported');
  // A shape that is computed is known when the graph runs: the caller names the dimensions.
  if (!inputs[1]?.data)
    return [{ dtype, shape: Array.from({ length: known(input(inputs, 1).shape[0]) }, (_, i) => `reshaped_${i}`) }];
  const wanted: Dim[] = constant(inputs, 1).map((dim, i) =>
    dim === 0 ? (shape[i] ?? fail('no such dimension')) : dim,
  );
  const named = (dims: Shape) => dims.filter((dim) => typeof dim === 'string').join();
  const free = wanted.indexOf(-1);
  const rest = countOf(shape) / countOf(wanted);
  if (free >= 0 && named(shape) === named(wanted) && Number.isInteger(rest)) wanted[free] = rest;
  if (wanted.includes(-1) || countOf(shape) !== countOf(wanted) || named(shape) !== named(wanted)) {
    fail(`${showShape(shape)} cannot be reshaped to ${showShape(wanted)}`);
  }
  return [{ dtype, shape: wanted }];
};

const flatten: ShapeRule = (inputs, attributes) => {
  const { dtype, shape } = input(inputs, 0);
  const given = int(attributes, 'axis', 1);
  // From 0 to the rank itself; a negative one counts from the rank all the same.
  const axis = given === shape.length ? given : shape.length || given ? axisOf(given, shape.length) : 0;
  const count = (dims: Shape) => dims.reduce<number>((n, dim) => n * known(dim), 1);
  return [{ dtype, shape: [axis === 1 ? shape[0]! : count(shape.slice(0, axis)), count(shape.slice(axis))] }];
};

const squeeze: ShapeRule = (inputs) => {
  const { dtype, shape } = input(inputs, 0);
  const axes = inputs[1]
    ? axesOf(constant(inputs, 1), shape.length)
    : shape.flatMap((dim, i) => (dim === 1 ? [i] : []));
  for (const axis of axes) if (shape[axis] !== 1) fail(`axis ${axis} of ${showShape(shape)} is not 1`);
  return [{ dtype, shape: shape.filter((_, i) => !axes.includes(i)) }];
};

const unsqueeze: ShapeRule = (inputs) => {
  const { dtype, shape } = input(inputs, 0);
  const rank = shape.length + constant(inputs, 1).length;
  const axes = axesOf(constant(inputs, 1), rank);
  const rest = [...shape];
  return [{ dtype, shape: Array.from({ length: rank }, (_, i) => (axes.includes(i) ? 1 : rest.shift()!)) }];
};

const transposeRule: ShapeRule = (inputs, attributes) => {
  const { dtype, shape } = input(inputs, 0);
  const perm = ints(
    attributes,
    'perm',
    shape.map((_, i) => shape.length - 1 - i),
  );
  if ([...perm].sort((a, b) => a - b).join() !== shape.map((_, i) => i).join())
    fail(`[${perm.join()}] does not permute ${showShape(shape)}`);
  return [{ dtype, shape: perm.map((axis) => shape[axis]!) }];
};

const concatRule: ShapeRule = (inputs, attributes) => {
  const first = input(inputs, 0).shape;
  const axis = axisOf(attributes['axis'] as number, first.length);
  const rest = (shape: Shape) => showShape(shape.map((dim, i) => (i === axis ? 0 : dim)));
  const shapes = inputs.map((_, i) => input(inputs, i).shape);
  for (const shape of shapes) {
    if (rest(shape) !== rest(first))
      fail(`shapes ${showShape(first)} and ${showShape(shape)} differ outside axis ${axis}`);
  }
  const total = shapes.reduce((sum, shape) => sum + known(shape[axis]), 0);
  return [{ dtype: sameType(inputs), shape: first.map((dim, i) => (i === axis ? total : dim)) }];
};

/** Equal parts, the last of which may be smaller. */
function equalParts(size: number, count: number): number[] {
  const each = Math.ceil(size / count);
  const last = size - each * (count - 1);
  return last >= 0 ? [...Array<number>(count - 1).fill(each), last] : fail(`${size} elements make no ${count} parts`);
}

const splitRule: ShapeRule = (inputs, attributes) => {
  const { dtype, shape } = input(inputs, 0);
  const axis = axisOf(int(attributes, 'axis', 0), shape.length);
  const parts = int(attributes, 'num_outputs', 0);
  if (!!inputs[1] === !!parts) fail('either sizes or num_outputs must be given');
  const sizes = inputs[1] ? constant(inputs, 1) : equalParts(known(shape[axis]), parts);
  const total = sizes.reduce((a, b) => a + b, 0);
  if (total !== shape[axis]) fail(`parts of ${total} elements do not make up axis ${axis} of ${showShape(shape)}`);
  return sizes.map((size) => ({ dtype, shape: shape.map((dim, i) => (i === axis ? size : dim)) }));
};

/** What a Slice takes of each axis that it names. */
function slices(shape: Shape, inputs: OperatorInputs) {
  const read = (index: number) => inputs[index]?.data ?? fail(`input ${index} must be a constant`);
  const [starts, ends] = [read(1), read(2)];
  const axes = inputs[3] ? read(3) : starts.map((_, i) => i);
  const steps = inputs[4] ? read(4) : starts.map(() => 1);
  if (ends.length !== starts.length || axes.length !== starts.length || steps.length !== starts.length)
    fail(`${starts.length} starts, ${ends.length} ends, ${axes.length} axes and ${steps.length} steps`);
  return axesOf(axes, shape.length).map((axis, i) => {
    const size = known(shape[axis]);
    const step = steps[i]! || fail('a step is 0');
    const clip = (v: number, low: number, high: number) => Math.min(Math.max(v < 0 ? v + size : v, low), high);
    const [start, end] =
      step > 0
        ? [clip(starts[i]!, 0, size), clip(ends[i]!, 0, size)]
        : [clip(starts[i]!, 0, size - 1), clip(ends[i]!, -1, size - 1)];
    return { axis, size, start, step, count: Math.max(0, Math.ceil((end - start) / step)) };
  });
}

const sliceRule: ShapeRule = (inputs) => {
  const { dtype, shape } = input(inputs, 0);
  const out = [...shape];
  for (const { axis, count } of slices(shape, inputs)) out[axis] = count;
  return [{ dtype, shape: out }];
};

/** Puts element i of an axis at start + i * step of an axis of `size` zeros: the reverse of a Slice. */
function unslice(g: Nodes, x: Value, { axis, size, start, step, count }: ReturnType<typeof slices>[number]): Value {
  if (step < 0) {
    const reversed = g.op('Slice', [x, g.ints([-1]), g.ints([-(count + 1)]), g.ints([axis]), g.ints([-1])]);
    return unslice(g, reversed, { axis, size, start: start + (count - 1) * step, step: -step, count });
  }
  const shape = fixed(x.shape);
  const apart = reshaped(g, x, [...shape.slice(0, axis + 1), 1, ...shape.slice(axis + 1)]);
  const spread = padAxis(g, apart, axis + 1, 0, step - 1);
  const line =
    step > 1
      ? reshaped(
          g,
          spread,
          shape.map((dim, i) => (i === axis ? dim * step : dim)),
        )
      : x;
  return padAxis(g, line, axis, start, size - start - count * step);
}

/** A shape that is computed is known when the graph runs: the caller names the dimensions. */
const expandRule: ShapeRule = (inputs) => {
  const { dtype, shape } = input(inputs, 0);
  if (inputs[1]?.data) return [{ dtype, shape: broadcast(shape, constant(inputs, 1)) }];
  const rank = known(input(inputs, 1).shape[0]);
  return [{ dtype, shape: Array.from({ length: rank }, (_, i) => `expanded_${i}`) }];
};

export const shapes = {
  /** Split again. */
  Concat: moves([1, Infinity], concatRule, { axis: 'int' }, ({ g, dy, x, y, attributes }) => {
    const axis = axisOf(attributes['axis'] as number, y.shape.length);
    const sizes = g.ints(x.map(({ shape }) => known(shape[axis])));
    const parts = g.ops('Split', [dy, sizes], { axis: attributes['axis'] }, x.length);
    return parts.map((part) => () => part);
  }),
  /** Summed over the axes along which it was repeated. */
  Expand: moves([2, 2], expandRule, {}, ({ g, dy, x }) => [() => unbroadcast(g, dy, x[0]!.shape), null]),
  Flatten: moves([1, 1], flatten, { axis: 'int' }, back),
  Reshape: moves([2, 2], reshapeRule, { allowzero: 'int' }, back),
  /** Put back in their places among zeros. */
  Slice: moves([3, 5], sliceRule, {}, ({ g, dy, x }) => [
    () => {
      const parts = slices(x[0]!.shape, x);
      if (parts.some(({ count }) => count === 0)) return zerosOf(g, x[0]!.shape, dy.dtype);
      return parts.reduce((whole, part) => unslice(g, whole, part), dy);
    },
    ...x.slice(1).map(() => null),
  ]),
  /** Joined again. */
  Split: moves(
    [1, 2],
    splitRule,
    { axis: 'int', num_outputs: 'int' },
    ({ g, dy: { dtype }, dys, outputs, attributes }) => [
      () => {
        const parts = dys.map((dy, i) => dy ?? zerosOf(g, outputs[i]!.shape, dtype));
        return g.op('Concat', parts, { axis: int(attributes, 'axis', 0) });
      },
      null,
    ],
  ),
  Squeeze: moves([1, 2], squeeze, {}, back),
  /** The inverse permutation. */
  Transpose: moves([1, 1], transposeRule, { perm: 'ints' }, ({ g, dy, x, attributes }) => {
    const rank = x[0]!.shape.length;
    const perm = ints(
      attributes,
      'perm',
      Array.from({ length: rank }, (_, i) => rank - 1 - i),
    );
    return [() => g.op('Transpose', [dy], { perm: perm.map((_, axis) => perm.indexOf(axis)) })];
  }),
  Unsqueeze: moves([2, 2], unsqueeze, {}, back),
} satisfies Partial<Record<OperatorName, Operator>>;
