/** Cases of operators that move elements, and of those that make shapes. */
import { elementCount } from '../../../../src/graph/onnx/types.js';
import type { Draw, Generate } from './draw.js';

const concat: Generate = (draw) => {
  const shape = draw.shape(1, 3);
  const axis = draw.axis(shape.length);
  const part = () =>
    draw.tensor(shape.map((dim, i) => (i === (axis + shape.length) % shape.length ? draw.int(1, 3) : dim)));
  const parts = Array.from({ length: draw.int(1, 3) }, part);
  return { inputs: draw.maybe(0.3) ? [...parts, 0] : parts, attributes: { axis } };
};

const expand: Generate = (draw) => {
  const shape = draw.shape(0, 3).map((dim) => (draw.maybe(0.4) ? 1 : dim));
  const target = shape.map((dim) => (dim === 1 ? draw.int(1, 3) : draw.maybe() ? 1 : dim));
  const wanted = draw.maybe()
    ? [...Array.from({ length: draw.int(0, 2) }, () => draw.int(1, 2)), ...target]
    : target.slice(draw.int(0, target.length));
  return { inputs: [draw.watched(shape), draw.ints(wanted)] };
};

const flatten: Generate = (draw) => {
  const shape = draw.shape(0);
  const rank = shape.length;
  return {
    inputs: [draw.watched(shape)],
    attributes: { axis: rank > 0 && draw.maybe(0.3) ? undefined : draw.int(-rank, rank) },
  };
};

/** Copies of elements: at most as many as there are others. */
const copiedPad: Generate = (draw) => {
  const mode = draw.pick(['edge', 'reflect']);
  const shape = draw.shape(1, 3);
  const axes = draw.maybe() ? draw.axes(shape.length) : undefined;
  const sizes = (axes ?? shape.map((_, i) => i)).map((axis) => shape.at(axis)!);
  const some = () => sizes.map((size) => draw.int(0, mode === 'edge' ? 2 : Math.min(2, size - 1)));
  return {
    inputs: [draw.watched(shape), draw.ints([...some(), ...some()]), ...(axes ? [null, draw.ints(axes)] : [])],
    attributes: { mode },
  };
};

/** Positive and negative pads, which leave an element or more. */
const pad: Generate = (draw) => {
  if (draw.maybe()) return copiedPad(draw);
  const shape = draw.shape(1);
  const axes = draw.maybe() ? draw.axes(shape.length) : undefined;
  const sizes = (axes ?? shape.map((_, i) => i)).map((axis) => shape.at(axis)!);
  const before = sizes.map((size) => draw.int(Math.max(-1, 1 - size), 2));
  const behind = sizes.map((size, i) => draw.int(Math.max(-1, 1 - size - Math.min(before[i]!, 0)), 2));
  const value = draw.maybe() ? draw.constant('float32', [], draw.normal) : null;
  return {
    inputs: [
      draw.watched(shape),
      draw.ints([...before, ...behind]),
      ...(value || axes ? [value] : []),
      ...(axes ? [draw.ints(axes)] : []),
    ],
    attributes: { mode: draw.optional('constant') },
  };
};

/** Factors of a number in random order, with ones among them. */
const factors = (draw: Draw, count: number): number[] => {
  const out = Array.from({ length: draw.int(1, 3) }, () => 1);
  for (let rest = count, factor = 2; rest > 1;) {
    if (rest % factor) factor++;
    else {
      out[draw.int(0, out.length - 1)]! *= factor;
      rest /= factor;
    }
  }
  return out;
};

const reshape: Generate = (draw) => {
  const shape = draw.shape();
  const wanted = shape.length === 0 && draw.maybe() ? [] : factors(draw, elementCount(shape));
  const copied = wanted.map((dim, i) => (dim === shape[i] && draw.maybe() ? 0 : dim));
  if (copied.length && draw.maybe()) copied[draw.int(0, copied.length - 1)] = -1;
  const allowzero = copied.includes(0) ? draw.optional(0) : draw.optional(draw.int(0, 1));
  return { inputs: [draw.watched(shape), draw.ints(copied)], attributes: { allowzero } };
};

/** Ends beyond the axis, in both directions, and steps that skip elements. */
const slice: Generate = (draw) => {
  const shape = draw.shape(1);
  const isPlain = draw.maybe(0.3);
  const axes = isPlain ? shape.map((_, i) => i).slice(0, draw.int(1, shape.length)) : draw.axes(shape.length);
  const sizes = axes.map((axis) => shape.at(axis)!);
  const steps = axes.map(() => draw.pick([1, 2, 3, -1, -2]));
  const starts = sizes.map((size) => draw.int(-size - 2, size + 2));
  const ends = sizes.map((size, i) => draw.pick([draw.int(-size - 3, size + 3), Math.sign(steps[i]!) * 2 ** 31]));
  const hasSteps = draw.maybe(0.7);
  return {
    inputs: [
      draw.watched(shape),
      draw.ints(starts),
      draw.ints(ends),
      ...(isPlain ? (hasSteps ? [null] : []) : [draw.ints(axes)]),
      ...(hasSteps ? [draw.ints(steps)] : []),
    ],
  };
};

const split: Generate = (draw) => {
  const shape = draw.shape(1);
  const axis = draw.optional(draw.axis(shape.length));
  const size = shape.at(axis ?? 0)!;
  const outputs = draw.int(1, size);
  if (draw.maybe(0.3) && Math.ceil(size / outputs) * (outputs - 1) < size)
    return { inputs: [draw.watched(shape)], attributes: { axis, num_outputs: outputs }, outputs };
  const cuts = [0, ...draw.choose(size - 1, outputs - 1).map((at) => at + 1), size].sort((a, b) => a - b);
  const sizes = cuts.slice(1).map((cut, i) => cut - cuts[i]!);
  return { inputs: [draw.watched(shape), draw.ints(sizes)], attributes: { axis }, outputs };
};

const squeeze: Generate = (draw) => {
  const shape = draw.shape().map((dim) => (draw.maybe() ? 1 : dim));
  const ones = shape.flatMap((dim, i) => (dim === 1 ? [i] : []));
  const some = draw.choose(ones.length, draw.int(0, ones.length)).map((i) => draw.fromEither(ones[i]!, shape.length));
  return { inputs: [draw.watched(shape), ...(some.length ? [draw.ints(some)] : [])] };
};

const transpose: Generate = (draw) => {
  const shape = draw.shape();
  const perm = draw.choose(shape.length, shape.length);
  return { inputs: [draw.watched(shape)], attributes: { perm: shape.length ? draw.optional(perm) : undefined } };
};

const unsqueeze: Generate = (draw) => {
  const shape = draw.shape(0, 2);
  const extra = draw.int(1, 2);
  const rank = shape.length + extra;
  return {
    inputs: [draw.watched(shape), draw.ints(draw.choose(rank, extra).map((axis) => draw.fromEither(axis, rank)))],
  };
};

const tile: Generate = (draw) => {
  const shape = draw.shape(1, 3);
  return { inputs: [draw.watched(shape), draw.ints(shape.map(() => draw.pick([1, 1, 2, 3])))] };
};

const trilu: Generate = (draw) => {
  const shape = draw.shape(2);
  const k = { ...draw.constant('int64', [], () => draw.int(-4, 4)), role: draw.pick(['constant', 'fed'] as const) };
  return {
    inputs: [draw.watched(shape), ...(draw.maybe() ? [k] : [])],
    attributes: { upper: draw.optional(draw.int(0, 1)) },
  };
};

const depthToSpace: Generate = (draw) => {
  const blocksize = draw.int(1, 3);
  const shape = [draw.int(1, 2), draw.int(1, 2) * blocksize ** 2, draw.int(1, 3), draw.int(1, 2)];
  return { inputs: [draw.watched(shape)], attributes: { blocksize, mode: draw.optional(draw.pick(['DCR', 'CRD'])) } };
};

const spaceToDepth: Generate = (draw) => {
  const blocksize = draw.int(1, 3);
  const shape = [draw.int(1, 2), draw.int(1, 2), draw.int(1, 3) * blocksize, draw.int(1, 3) * blocksize];
  return { inputs: [draw.watched(shape)], attributes: { blocksize } };
};

const range: Generate = (draw) => ({
  inputs: [draw.int(-3, 3), draw.int(4, 9), draw.int(1, 3)].map((value) => ({
    ...draw.constant('float32', [], () => value),
    role: 'fed',
  })),
});

const shapeOf: Generate = (draw) => {
  const shape = draw.shape();
  const end = () => draw.optional(draw.int(-shape.length - 1, shape.length + 1));
  return { inputs: [draw.watched(shape)], attributes: { start: end(), end: end() } };
};

export const shapes = {
  Concat: concat,
  DepthToSpace: depthToSpace,
  Expand: expand,
  Flatten: flatten,
  Pad: pad,
  Range: range,
  Reshape: reshape,
  Shape: shapeOf,
  Slice: slice,
  SpaceToDepth: spaceToDepth,
  Split: split,
  Squeeze: squeeze,
  Tile: tile,
  Transpose: transpose,
  Trilu: trilu,
  Unsqueeze: unsqueeze,
} satisfies Record<string, Generate>;
