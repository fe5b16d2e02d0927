/**
 * How nodes of a file are written where the operators' table (`operators/`) does not say all of it: operators that are newer than opset 18, forms
 * that versions gave up, and shapes that depend on the batch size.
 */
import type { GraphBuilder, Value } from '../builder/builder.js';
import { broadcast } from '../operators/operator.js';
import type { Dim, Shape } from '../onnx/types.js';
import { dividedBy, product } from './batch-sizes.js';
import type { FileNode } from './model.js';
import type { Element, Tensor } from './tensors.js';

export interface WriteContext {
  g: GraphBuilder;
  node: FileNode;
  /** How many inputs there are, those that are left out included. */
  count: number;
  /** Null for one that is left out. */
  value(index: number): Value | null;
  /** What is known when the graph is built. @throws Error when it is not */
  known(index: number): Tensor;
  /** What the network is given: its first axis is the batch. */
  images: Value;
  /** Images in a batch that the file was written for; undefined for any. */
  fileBatch: number | undefined;
  /** The shape that an input, or the output, has for the batch that the file was written for; undefined where it is written for any. */
  fileShape(index: number | 'output'): Shape | undefined;
  /** The shape of the output of a Reshape for the present batch, where the file is written for another: see `other-batch.ts`. */
  rebatched: ((now: Shape) => Dim[]) | undefined;
}

export type Writer = (context: WriteContext) => (Value | undefined)[];

const attribute = <T>({ node }: WriteContext, name: string, otherwise: T): T =>
  (node.attributes[name] as T | undefined) ?? otherwise;

const input = (context: WriteContext, index: number): Value => {
  const found = context.value(index);
  if (found) return found;
  throw new Error(`input ${index} is missing`);
};

const isFixed = (shape: readonly Dim[]): shape is number[] => shape.every((dim) => typeof dim === 'number');

/** A constant that shape rules can't read: what it says of the batch size they would not take. */
const hidden = (g: GraphBuilder, values: readonly number[]): Value => ({ ...g.ints(values), data: undefined });

/** A Reshape to dimensions of which some may be multiples of the batch size. */
function reshapeTo(g: GraphBuilder, x: Value, wanted: Shape): Value {
  if (isFixed(wanted)) return g.op('Reshape', [x, g.ints(wanted)]);
  const places = wanted.map((dim, i) => (typeof dim === 'number' ? dim : dim === x.shape[i] ? 0 : -1));
  if (places.filter((dim) => dim === -1).length > 1)
    throw new Error(`it has the batch size twice in [${wanted.join(', ')}]`);
  return { ...g.op('Reshape', [x, hidden(g, places)]), shape: wanted };
}

/** Dimensions of a Reshape's target: 0 and -1 found. */
function targetOf(context: WriteContext, x: Value): Dim[] {
  const allowZero = attribute<number>(context, 'allowzero', 0) === 1;
  const given: readonly Element[] = Array.from(context.known(1).data);
  const wanted = given.map((dim, i): Dim => (dim === 0 && !allowZero ? x.shape[i]! : dim));
  const free = wanted.indexOf(-1);
  return free < 0
    ? wanted
    : wanted.with(free, dividedBy(product(x.shape), product(wanted.filter((_, i) => i !== free))));
}

const reshape: Writer = (context) => {
  const x = input(context, 0);
  return [reshapeTo(context.g, x, context.rebatched?.(x.shape) ?? targetOf(context, x))];
};

/** int64 [1] of a dimension. */
function measured({ g, images }: WriteContext, dim: Dim): Value {
  if (typeof dim === 'number') return g.ints([dim]);
  const batch = g.op('Slice', [g.op('Shape', [images]), g.ints([0]), g.ints([1])]);
  const factor = dividedBy(dim, images.shape[0]!);
  return factor === 1 ? batch : g.op('Mul', [batch, g.ints([factor as number])]);
}

/** An Expand to a shape of which some dimensions may be multiples of the batch size. */
function expandTo(context: WriteContext, x: Value, wanted: Shape): Value {
  const { g } = context;
  const shape = broadcast(x.shape, wanted);
  if (shape.length === x.shape.length && shape.every((dim, i) => dim === x.shape[i])) return x;
  if (isFixed(shape)) return g.op('Expand', [x, g.ints(shape)]);
  const target = g.op(
    'Concat',
    shape.map((dim) => measured(context, dim)),
    { axis: 0 },
  );
  return { ...g.op('Expand', [x, target]), shape };
}

const expand: Writer = (context) => {
  const x = input(context, 0);
  const [before, after] = [context.fileShape(0), context.fileShape('output')];
  if (!before || !after) return [expandTo(context, x, Array.from(context.known(1).data))];
  const extra = after.length - before.length;
  const { fileBatch = 1, images } = context;
  const isBatch = (i: number) => i === 0 && fileBatch > 1 && after[i] === fileBatch;
  // Axes that are not expanded keep what x has there, the present batch among it.
  const isExpanded = (i: number) => i < extra || before[i - extra] === 1;
  const wanted = after.map((dim, i) => (!isExpanded(i) ? 1 : isBatch(i) ? images.shape[0]! : dim));
  return [expandTo(context, x, wanted)];
};

const constantOfShape: Writer = (context) => {
  const { dtype, data } = attribute<Tensor>(context, 'value', { dtype: 'float32', shape: [1], data: [0] });
  return [expandTo(context, context.g.scalar(Number(data[0]), dtype), Array.from(context.known(0).data))];
};

const allInputs = (context: WriteContext): Value[] =>
  Array.from({ length: context.count }, (_, i) => input(context, i));

/** Parts that were written for one image go with every image of a batch. */
const concat: Writer = (context) => {
  const { g, fileBatch, images } = context;
  const all = allInputs(context);
  const rank = all[0]!.shape.length;
  const axis = (attribute(context, 'axis', 0) + rank) % rank;
  const batch = images.shape[0]!;
  const isShort = (x: Value) =>
    fileBatch !== undefined && axis !== 0 && x.shape[0] === fileBatch && batch !== fileBatch;
  const parts = all.some(({ shape }) => shape[0] === batch)
    ? all.map((x) => (isShort(x) ? expandTo(context, x, [batch, ...x.shape.slice(1)]) : x))
    : all;
  return [g.op('Concat', parts, { axis })];
};

/** Before opset 13, of a matrix that all axes from `axis` on are a row of. */
const softmax: Writer = (context) => {
  const { g, node } = context;
  const x = input(context, 0);
  const type = node.type as 'Softmax' | 'LogSoftmax' | 'Hardmax';
  const rank = x.shape.length;
  const axis = (attribute(context, 'axis', -1) + rank) % rank;
  if (!attribute(context, 'ofMatrix', 0) || axis === rank - 1) return [g.op(type, [x], { axis })];
  const matrix = reshapeTo(g, x, [product(x.shape.slice(0, axis)), product(x.shape.slice(axis))]);
  return [reshapeTo(g, g.op(type, [matrix], { axis: 1 }), x.shape)];
};

/** Before opset 7, the second operand could be laid to the axes from `axis` on. */
const besideAxis: Writer = (context) => {
  const { g, node } = context;
  const [a, b] = [input(context, 0), input(context, 1)];
  const axis = attribute<number | undefined>(context, 'axis', undefined);
  const type = node.type as 'Add';
  if (axis === undefined) return [g.op(type, [a, b])];
  const behind = a.shape.length - ((axis + a.shape.length) % a.shape.length) - b.shape.length;
  return [g.op(type, [a, behind > 0 ? reshapeTo(g, b, [...b.shape, ...Array<number>(behind).fill(1)]) : b])];
};

/** Before opset 7, slopes lay along the channels. */
const prelu: Writer = (context) => {
  const { g } = context;
  const [x, slope] = [input(context, 0), input(context, 1)];
  const isOfChannels =
    attribute<number>(context, 'ofChannels', 0) === 1 && slope.shape.length === 1 && slope.shape[0] !== 1;
  const behind = isOfChannels ? Array<number>(Math.max(0, x.shape.length - 2)).fill(1) : [];
  return [g.op('PRelu', [x, reshapeTo(g, slope, [...slope.shape, ...behind])])];
};

const batchNormalization: Writer = (context) => {
  if (attribute<number>(context, 'spatial', 1) === 0)
    throw new Error('it normalizes each place by itself (spatial 0): no rule');
  const { epsilon } = context.node.attributes as { epsilon?: number };
  return [context.g.op('BatchNormalization', allInputs(context), { epsilon })];
};

const cast: Writer = (context) => {
  const x = input(context, 0);
  const to = attribute<string>(context, 'to', '');
  return [x.dtype === to ? x : context.g.op('Cast', [x], { to })];
};

const quantized: Writer = () => {
  throw new Error('weights of 8 bits are not trained: bring the file before it was quantized, in float32');
};

/** By operator. An entry for a row of the operators' table is used in its place. */
export const writers: Readonly<Record<string, Writer>> = {
  ...Object.fromEntries(['Add', 'Sub', 'Mul', 'Div', 'Pow'].map((type) => [type, besideAxis])),
  BatchNormalization: batchNormalization,
  Cast: cast,
  Concat: concat,
  ConstantOfShape: constantOfShape,
  DequantizeLinear: quantized,
  /** Nothing is left out by a network as a file has it. */
  Dropout: (context) => [input(context, 0)],
  Expand: expand,
  Identity: (context) => [input(context, 0)],
  Hardmax: softmax,
  LogSoftmax: softmax,
  PRelu: prelu,
  QuantizeLinear: quantized,
  Reshape: reshape,
  Softmax: softmax,
};
