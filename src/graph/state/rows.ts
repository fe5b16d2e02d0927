/**
 * A flat vector as rows of one length, for ONNX Runtime's CUDA provider: its `Split` and `Concat` write 8 bytes on the host for each place on
 * the axis and copy them to the device, in every run (`split_impl.cu`, `concat_impl.cu`; 1.29). By elements, that is twice as much as the
 * parameters; by rows, next to nothing.
 *
 * A tensor takes whole rows, the rest of its last one zeros. Small ones share rows, and are cut out of them by rows of their own, of
 * the greatest common divisor of their sizes.
 */
import type { GraphBuilder } from '../builder/builder.js';
import type { Value } from '../onnx/nodes.js';
import { fixed } from '../onnx/nodes.js';
import { elementCount, greatestDivisor } from '../onnx/types.js';
import { joinReshaped, matricesFirst } from './flat.js';
import type { NamedShape } from './state.js';

/** Rows of a vector, about: 128 KiB for the places of each Split and Concat. */
const mostRows = 2 ** 14;
const shortestRow = 256;
/** A tensor of so many rows has its own, whatever is left over of the last. */
const ownRows = 8;
/** Small tensors that share rows: as many, and of so many rows together. What joins them holds what their gradients are computed from. */
const shared = { tensors: 16, rows: 4 } as const;

/** Tensors that take rows together. */
interface Block {
  specs: NamedShape[];
  /** Their places among all tensors. */
  at: number[];
  /** Of all of them. */
  elements: number;
  /** With the zeros behind them. */
  padded: number;
}

export interface RowLayout {
  row: number;
  blocks: Block[];
  /** Length of the vector. */
  count: number;
  /** How many of its values stand in front of `bodyCount` of the flat one; whole rows. */
  bodyCount: number;
}

const size = ({ shape }: NamedShape): number => elementCount(shape);
const total = (specs: readonly NamedShape[]): number => specs.reduce((sum, spec) => sum + size(spec), 0);

/** @param first the place of the first one among all tensors */
function blocksOf(specs: readonly NamedShape[], row: number, first: number): Block[] {
  const isOwn = (spec: NamedShape) => size(spec) % row === 0 || size(spec) >= ownRows * row;
  const blocks: Block[] = [];
  const begin = (): Block => {
    const block = { specs: [], at: [], elements: 0, padded: 0 };
    blocks.push(block);
    return block;
  };
  let open: Block | undefined;
  specs.forEach((spec, i) => {
    const isFull = open && (open.specs.length === shared.tensors || open.elements + size(spec) > shared.rows * row);
    const block = isOwn(spec) ? begin() : open && !isFull ? open : (open = begin());
    block.specs.push(spec);
    block.at.push(first + i);
    block.elements += size(spec);
    block.padded = Math.ceil(block.elements / row) * row;
  });
  return blocks;
}

/** How many of the first tensors have `count` elements. */
function tensorsOf(specs: readonly NamedShape[], count: number): number {
  let elements = 0;
  const end = specs.findIndex((spec) => (elements += size(spec)) > count);
  return end < 0 ? specs.length : end;
}

/** @param bodyCount where a new row begins, so that what is in front can be told from what is behind */
export function rowLayout(specs: readonly NamedShape[], bodyCount = 0): RowLayout {
  let row = shortestRow;
  while (total(specs) > row * mostRows) row *= 2;
  const bodyTensors = tensorsOf(specs, bodyCount);
  const body = blocksOf(specs.slice(0, bodyTensors), row, 0);
  const rest = blocksOf(specs.slice(bodyTensors), row, bodyTensors);
  const length = (blocks: readonly Block[]) => blocks.reduce((sum, { padded }) => sum + padded, 0);
  return { row, blocks: [...body, ...rest], count: length(body) + length(rest), bodyCount: length(body) };
}

const inRows = (g: GraphBuilder, vector: Value, row: number): Value => g.op('Reshape', [vector, g.ints([-1, row])]);
const flat = (g: GraphBuilder, tensor: Value): Value => g.op('Reshape', [tensor, g.ints([-1])]);

/** Cuts a flat vector into pieces of so many elements, each flat. */
export function cut(g: GraphBuilder, vector: Value, sizes: readonly number[]): Value[] {
  if (sizes.length === 1) return [vector];
  const row = sizes.reduce(greatestDivisor);
  const places = g.ints(sizes.map((count) => count / row));
  return g.ops('Split', [inRows(g, vector, row), places], { axis: 0 }, sizes.length).map((piece) => flat(g, piece));
}

/** Joins tensors to a flat vector. */
export function join(g: GraphBuilder, tensors: readonly Value[]): Value {
  if (tensors.length === 1) return flat(g, tensors[0]!);
  const row = tensors.map(({ shape }) => elementCount(fixed(shape))).reduce(greatestDivisor);
  return flat(g, joinReshaped(g, tensors, [-1, row]));
}

/** Cuts a vector of rows into its tensors, by name and in the order of the layout. */
export function unpackRows(g: GraphBuilder, vector: Value, { blocks }: RowLayout): Map<string, Value> {
  if (!blocks.length) return new Map();
  return g.scope('unpack', () => {
    const pieces = cut(
      g,
      vector,
      blocks.map(({ padded }) => padded),
    );
    const tensors: [string, Value][] = [];
    blocks.forEach(({ specs, at, elements, padded }, i) => {
      const whole = pieces[i]!;
      const filled = padded === elements ? whole : g.op('Slice', [whole, g.ints([0]), g.ints([elements]), g.ints([0])]);
      const parts = cut(g, filled, specs.map(size));
      specs.forEach(({ name, shape }, own) => {
        tensors[at[own]!] = [name, g.op('Reshape', [parts[own]!, g.ints(shape)])];
      });
    });
    return new Map(tensors);
  });
}

/**
 * Joins tensors to a vector of rows; the nodes are written in the order that `pack` tells of.
 *
 * @param tensors those of the layout, in its order
 */
export function packRows(g: GraphBuilder, tensors: readonly Value[], { blocks }: RowLayout): Value {
  if (!blocks.length) return g.constant('float32', [0], []);
  return g.scope('pack', () => {
    const parts = blocks.map((block) => ({ ...block, own: block.at.map((at) => tensors[at]!) }));
    const isMatrix = ({ own }: { own: Value[] }) => own.length === 1 && own[0]!.shape.length === 2;
    const written = new Map(
      matricesFirst(parts, isMatrix).map((part) => {
        const joined = join(g, part.own);
        const missing = part.padded - part.elements;
        return [part, missing === 0 ? joined : g.op('Pad', [joined, g.ints([0, missing])])];
      }),
    );
    return join(
      g,
      parts.map((part) => written.get(part)!),
    );
  });
}

/** A constant vector of rows: the same value throughout each tensor, zeros between them. */
export function fillRows(g: GraphBuilder, { blocks, count }: RowLayout, valueOf: (spec: NamedShape) => number): Value {
  const values = new Float32Array(count);
  let begin = 0;
  for (const { specs, padded } of blocks) {
    let at = begin;
    for (const spec of specs) values.fill(valueOf(spec), at, (at += size(spec)));
    begin += padded;
  }
  return g.constant('float32', [count], values);
}
