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

/** Positive and negative pads, which leave an element or more. */
const pad: Generate = (draw) => {
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
  return { inputs: [draw.watched(shape), draw.ints(copied)] };
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

const range: Generate = (draw) => ({
  inputs: [0, draw.int(1, 5), 1].map((value) => ({ ...draw.constant('float32', [], () => value), role: 'fed' })),
});

const shapeOf: Generate = (draw) => {
  const shape = draw.shape();
  const end = () => draw.optional(draw.int(-shape.length - 1, shape.length + 1));
  return { inputs: [draw.watched(shape)], attributes: { start: end(), end: end() } };
};

export const shapes = {
  Concat: concat,
  Expand: expand,
  Flatten: flatten,
  Pad: pad,
  Range: range,
  Reshape: reshape,
  Shape: shapeOf,
  Slice: slice,
  Split: split,
  Squeeze: squeeze,
  Transpose: transpose,
  Unsqueeze: unsqueeze,
} satisfies Record<string, Generate>;
