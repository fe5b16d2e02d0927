/**
 * The ONNX operators (opset 18) that the graphs are made of: for each, the types of its outputs from those of its inputs.
 *
 * This is where a wrong shape is found: each rule throws an Error that says what does not fit; the builder adds the
 * operator, all input shapes and the place in the model. https://onnx.ai/onnx/operators/ has the operators' definitions.
 */
import type { DType, Dim, Shape } from './types.js';
import { showShape } from './types.js';

export const opset = 18;
/** The IR version that came with opset 18. */
export const irVersion = 8;

export type Attributes = Record<string, number | number[] | string | undefined>;

export interface TypedShape {
  dtype: DType;
  shape: Shape;
}

export interface OperatorInput extends TypedShape {
  /** The values of a constant. */
  data?: readonly number[];
}

type Rule = (inputs: OperatorInput[], attributes: Attributes, outputs: number) => TypedShape[];

const fail = (message: string): never => {
  throw new Error(message);
};

const input = (inputs: OperatorInput[], index: number): OperatorInput =>
  inputs[index] ?? fail(`input ${index} is missing`);

const constant = (inputs: OperatorInput[], index: number): readonly number[] =>
  input(inputs, index).data ?? fail(`input ${index} must be a constant`);

const known = (dim: Dim | undefined): number =>
  typeof dim === 'number' ? dim : fail(`dimension ${String(dim)} must be known when the graph is built`);

const axisOf = (axis: number, rank: number): number =>
  axis >= -rank && axis < rank ? (axis + rank) % rank : fail(`axis ${axis} is out of range for rank ${rank}`);

const ints = (attributes: Attributes, name: string, otherwise: number[]): number[] =>
  (attributes[name] as number[] | undefined) ?? otherwise;

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

const sameType = (inputs: OperatorInput[]): DType => {
  const dtype = input(inputs, 0).dtype;
  return inputs.every((x) => x.dtype === dtype)
    ? dtype
    : fail(`element types differ: ${inputs.map((x) => x.dtype).join(', ')}`);
};

const elementwise: Rule = (inputs) => [
  { dtype: sameType(inputs), shape: inputs.map((x) => x.shape).reduce(broadcast) },
];
const compare: Rule = (inputs, attributes, outputs) => [
  { dtype: 'bool', shape: elementwise(inputs, attributes, outputs)[0]!.shape },
];
const unary: Rule = (inputs) => [{ dtype: input(inputs, 0).dtype, shape: input(inputs, 0).shape }];

const reduce: Rule = (inputs, { keepdims = 1 }) => {
  const { dtype, shape } = input(inputs, 0);
  const axes = inputs[1] ? constant(inputs, 1).map((axis) => axisOf(axis, shape.length)) : shape.map((_, i) => i);
  const kept = shape.map((dim, i) => (axes.includes(i) ? 1 : dim));
  return [{ dtype, shape: keepdims ? kept : kept.filter((_, i) => !axes.includes(i)) }];
};

const spatial = (attributes: Attributes) => {
  const kernel = ints(attributes, 'kernel_shape', []);
  const rank = kernel.length;
  return {
    kernel,
    strides: ints(attributes, 'strides', Array<number>(rank).fill(1)),
    pads: ints(attributes, 'pads', Array<number>(2 * rank).fill(0)),
    dilations: ints(attributes, 'dilations', Array<number>(rank).fill(1)),
  };
};

/** Extent of a window slid over `size` elements; `ceil` as in pooling's ceil_mode. */
export function slidingExtent(size: number, kernel: number, stride: number, pads: number, ceil = false): number {
  const extent = (ceil ? Math.ceil : Math.floor)((size + pads - kernel) / stride) + 1;
  return extent > 0 ? extent : fail(`a window of ${kernel} does not fit into ${size} + ${pads} elements`);
}

const slide = (shape: Shape, attributes: Attributes): Dim[] => {
  const { kernel, strides, pads, dilations } = spatial(attributes);
  const sizes = shape.slice(2);
  if (sizes.length !== kernel.length) fail(`kernel ${showShape(kernel)} does not fit input ${showShape(shape)}`);
  return sizes.map((size, i) =>
    slidingExtent(
      known(size),
      (kernel[i]! - 1) * dilations[i]! + 1,
      strides[i]!,
      pads[i]! + pads[i + kernel.length]!,
      !!attributes['ceil_mode'],
    ),
  );
};

const pool: Rule = (inputs, attributes, outputs) => {
  const { dtype, shape } = input(inputs, 0);
  const out = [...shape.slice(0, 2), ...slide(shape, attributes)];
  return [{ dtype, shape: out }, ...(outputs > 1 ? [{ dtype: 'int64' as const, shape: out }] : [])];
};

const conv: Rule = (inputs, attributes) => {
  const [x, w] = [input(inputs, 0), input(inputs, 1)];
  const group = (attributes['group'] as number | undefined) ?? 1;
  if (x.shape[1] !== known(w.shape[1]) * group) {
    fail(
      `input ${showShape(x.shape)} has ${x.shape[1]} channels, weight ${showShape(w.shape)} wants ${known(w.shape[1]) * group}`,
    );
  }
  const kernel_shape = w.shape.slice(2).map(known);
  return [{ dtype: x.dtype, shape: [x.shape[0]!, w.shape[0]!, ...slide(x.shape, { ...attributes, kernel_shape })] }];
};

const convTranspose: Rule = (inputs, attributes) => {
  const [x, w] = [input(inputs, 0), input(inputs, 1)];
  if (x.shape[1] !== w.shape[0]) {
    fail(`input ${showShape(x.shape)} has ${x.shape[1]} channels, weight ${showShape(w.shape)} wants ${w.shape[0]}`);
  }
  const { kernel, strides, pads } = spatial({ ...attributes, kernel_shape: w.shape.slice(2).map(known) });
  const extra = ints(
    attributes,
    'output_padding',
    kernel.map(() => 0),
  );
  const sizes = x.shape
    .slice(2)
    .map((size, i) => (known(size) - 1) * strides[i]! + kernel[i]! + extra[i]! - pads[i]! - pads[i + kernel.length]!);
  return [{ dtype: x.dtype, shape: [x.shape[0]!, w.shape[1]!, ...sizes] }];
};

const gemm: Rule = (inputs, { transA = 0, transB = 0 }) => {
  const [a, b] = [input(inputs, 0).shape, input(inputs, 1).shape];
  if (a.length !== 2 || b.length !== 2) fail('both factors must be matrices');
  const [m, k] = transA ? [a[1]!, a[0]!] : [a[0]!, a[1]!];
  const [k2, n] = transB ? [b[1]!, b[0]!] : [b[0]!, b[1]!];
  if (k !== k2) fail(`inner dimensions differ: ${k} and ${k2}`);
  const c = inputs[2]?.shape ?? [];
  if (showShape(broadcast([m, n], c)) !== showShape([m, n]))
    fail(`${showShape(c)} does not broadcast to ${showShape([m, n])}`);
  return [{ dtype: sameType(inputs), shape: [m, n] }];
};

const matMul: Rule = (inputs) => {
  const [a, b] = [input(inputs, 0).shape, input(inputs, 1).shape];
  if (a.length < 2 || b.length < 2) fail('both factors must have two dimensions or more');
  if (a.at(-1) !== b.at(-2)) fail(`inner dimensions differ: ${a.at(-1)} and ${b.at(-2)}`);
  return [{ dtype: sameType(inputs), shape: [...broadcast(a.slice(0, -2), b.slice(0, -2)), a.at(-2)!, b.at(-1)!] }];
};

const reshape: Rule = (inputs) => {
  const { dtype, shape } = input(inputs, 0);
  // A shape that is computed is known when the graph runs: the caller names the dimensions.
  if (!inputs[1]?.data)
    return [{ dtype, shape: Array.from({ length: known(input(inputs, 1).shape[0]) }, (_, i) => `reshaped_${i}`) }];
  const wanted = constant(inputs, 1).map((dim, i) => (dim === 0 ? (shape[i] ?? fail('no such dimension')) : dim));
  const count = (dims: Shape) =>
    dims.reduce<number>((product, dim) => product * (typeof dim === 'number' && dim >= 0 ? dim : 1), 1);
  const named = (dims: Shape) => dims.filter((dim) => typeof dim === 'string').join();
  const free = wanted.indexOf(-1);
  if (free >= 0 && named(shape) === named(wanted)) wanted[free] = count(shape) / count(wanted);
  if (count(shape) !== count(wanted) || named(shape) !== named(wanted)) {
    fail(`${showShape(shape)} cannot be reshaped to ${showShape(wanted)}`);
  }
  return [{ dtype, shape: wanted }];
};

const transpose: Rule = (inputs, attributes) => {
  const { dtype, shape } = input(inputs, 0);
  const perm = ints(
    attributes,
    'perm',
    shape.map((_, i) => shape.length - 1 - i),
  );
  if ([...perm].sort().join() !== shape.map((_, i) => i).join())
    fail(`[${perm.join()}] does not permute ${showShape(shape)}`);
  return [{ dtype, shape: perm.map((axis) => shape[axis]!) }];
};

const concat: Rule = (inputs, attributes) => {
  const first = input(inputs, 0).shape;
  const axis = axisOf(attributes['axis'] as number, first.length);
  const rest = (shape: Shape) => showShape(shape.map((dim, i) => (i === axis ? 0 : dim)));
  for (const { shape } of inputs) {
    if (rest(shape) !== rest(first))
      fail(`shapes ${showShape(first)} and ${showShape(shape)} differ outside axis ${axis}`);
  }
  const total = inputs.reduce((sum, { shape }) => sum + known(shape[axis]), 0);
  return [{ dtype: sameType(inputs), shape: first.map((dim, i) => (i === axis ? total : dim)) }];
};

const split: Rule = (inputs, attributes) => {
  const { dtype, shape } = input(inputs, 0);
  const axis = axisOf((attributes['axis'] as number | undefined) ?? 0, shape.length);
  const sizes = constant(inputs, 1);
  const total = sizes.reduce((a, b) => a + b, 0);
  if (total !== shape[axis]) fail(`parts of ${total} elements do not make up axis ${axis} of ${showShape(shape)}`);
  return sizes.map((size) => ({ dtype, shape: shape.map((dim, i) => (i === axis ? size : dim)) }));
};

const slice: Rule = (inputs) => {
  const { dtype, shape } = input(inputs, 0);
  const [starts, ends] = [constant(inputs, 1), constant(inputs, 2)];
  const axes = inputs[3] ? constant(inputs, 3) : starts.map((_, i) => i);
  const steps = inputs[4] ? constant(inputs, 4) : starts.map(() => 1);
  const out = [...shape];
  axes.forEach((axis, i) => {
    const at = axisOf(axis, shape.length);
    const size = known(shape[at]);
    const step = steps[i]!;
    const clip = (v: number, low: number, high: number) => Math.min(Math.max(v < 0 ? v + size : v, low), high);
    const [start, end] =
      step > 0
        ? [clip(starts[i]!, 0, size), clip(ends[i]!, 0, size)]
        : [clip(starts[i]!, 0, size - 1), clip(ends[i]!, -1, size - 1)];
    out[at] = Math.max(0, Math.ceil((end - start) / step));
  });
  return [{ dtype, shape: out }];
};

const pad: Rule = (inputs) => {
  const { dtype, shape } = input(inputs, 0);
  const pads = constant(inputs, 1);
  if (pads.length !== 2 * shape.length) fail(`${pads.length} pads for ${showShape(shape)}`);
  return [
    {
      dtype,
      shape: shape.map((dim, i) =>
        pads[i] || pads[i + shape.length] ? known(dim) + pads[i]! + pads[i + shape.length]! : dim,
      ),
    },
  ];
};

const gather: Rule = (inputs, attributes) => {
  const [x, indices] = [input(inputs, 0), input(inputs, 1)];
  const axis = axisOf((attributes['axis'] as number | undefined) ?? 0, x.shape.length);
  return [{ dtype: x.dtype, shape: [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)] }];
};

const norm: Rule = (inputs) => {
  const { dtype, shape } = input(inputs, 0);
  for (const { shape: other } of inputs.slice(1)) {
    if (other.length !== 1 || other[0] !== shape[1])
      fail(`${showShape(other)} does not fit the ${shape[1]} channels of ${showShape(shape)}`);
  }
  return [{ dtype, shape }];
};

const codeToDtype: Record<number, DType> = {
  1: 'float32',
  2: 'uint8',
  3: 'int8',
  6: 'int32',
  7: 'int64',
  9: 'bool',
  10: 'float16',
};

export const operators: Record<string, Rule> = {
  Abs: unary,
  Add: elementwise,
  And: compare,
  AveragePool: pool,
  BatchNormalization: norm,
  Cast: (inputs, { to }) => [{ dtype: codeToDtype[to as number]!, shape: input(inputs, 0).shape }],
  Clip: unary,
  Concat: concat,
  Conv: conv,
  ConvTranspose: convTranspose,
  CumSum: unary,
  Div: elementwise,
  Equal: compare,
  Exp: unary,
  Expand: (inputs) => [
    { dtype: input(inputs, 0).dtype, shape: broadcast(input(inputs, 0).shape, constant(inputs, 1)) },
  ],
  Flatten: (inputs) => {
    const { dtype, shape } = input(inputs, 0);
    return [{ dtype, shape: [shape[0]!, shape.slice(1).reduce<number>((n, dim) => n * known(dim), 1)] }];
  },
  Floor: unary,
  Gather: gather,
  Gemm: gemm,
  GlobalAveragePool: (inputs) => {
    const { dtype, shape } = input(inputs, 0);
    return [{ dtype, shape: shape.map((dim, i) => (i < 2 ? dim : 1)) }];
  },
  Greater: compare,
  GreaterOrEqual: compare,
  HardSigmoid: unary,
  Identity: unary,
  InstanceNormalization: norm,
  Less: compare,
  LessOrEqual: compare,
  Log: unary,
  MatMul: matMul,
  Max: elementwise,
  MaxPool: pool,
  Min: elementwise,
  Mul: elementwise,
  Neg: unary,
  Not: unary,
  Or: compare,
  Pad: pad,
  Pow: elementwise,
  Reciprocal: unary,
  // How many elements there are is known when the graph runs: the caller names the dimension.
  Range: (inputs) => [{ dtype: sameType(inputs), shape: ['range'] }],
  ReduceMax: reduce,
  ReduceMean: reduce,
  ReduceMin: reduce,
  ReduceSum: reduce,
  ReduceSumSquare: reduce,
  Relu: unary,
  Reshape: reshape,
  ScatterElements: unary,
  Shape: (inputs, { start = 0, end }) => {
    const rank = input(inputs, 0).shape.length;
    return [{ dtype: 'int64', shape: [((end as number | undefined) ?? rank) - (start as number)] }];
  },
  Sign: unary,
  Slice: slice,
  Split: split,
  Sqrt: unary,
  Sub: elementwise,
  Sum: elementwise,
  TopK: (inputs, attributes) => {
    const { dtype, shape } = input(inputs, 0);
    const axis = axisOf((attributes['axis'] as number | undefined) ?? -1, shape.length);
    const out = shape.map((dim, i) => (i === axis ? constant(inputs, 1)[0]! : dim));
    return [
      { dtype, shape: out },
      { dtype: 'int64', shape: out },
    ];
  },
  Transpose: transpose,
  Where: (inputs) => [{ dtype: input(inputs, 1).dtype, shape: inputs.map((x) => x.shape).reduce(broadcast) }],
};
