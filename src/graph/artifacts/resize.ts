/**
 * Resizing inside the graph, as `decodeImage` does it: so that a page and Node.js compute the same from the same pixels.
 *
 * First what shrinks, as sharp 0.35 with libvips 8.18 does it (kernel `linear`), one axis after the other: a triangle filter as wide as
 * the shrink factor; from a factor of 4 on, whole numbers of pixels are averaged first, so that a factor of 2 or more is left for the
 * filter. Filter positions are multiples of 1/64 of a pixel and weights of 1/4096, and each axis is rounded to bytes. Then what
 * grows is interpolated linearly, columns before rows, each rounded to bytes as well (as PIL does); with the filter `shifted` as libvips
 * does it: from positions half a pixel before the pixels' centers, both axes at once, and when only one axis grows, that half pixel is
 * taken off the other too. What lies outside of the image counts as its edge.
 *
 * The filter of each axis becomes a matrix of weights, made in the graph from the image's size: no `Resize`, whose rules differ
 * between runtimes.
 */
import type { GraphBuilder, Value } from '../builder/builder.js';
import type { OperatorName } from '../onnx/names.js';
import type { Resize, Squares } from '../preprocessing.js';
import { cutOff } from '../preprocessing.js';

/** The shrink factor that libvips leaves for the filter (`gap` of vips_resize). */
const gap = 2;
/** A filter reaches less than 2 * gap pixels, and starts less than one pixel outside of the image. */
const outside = Array.from({ length: 2 * gap + 1 }, (_, i) => i + 1);
/** VIPS_TRANSFORM_SCALE and VIPS_INTERPOLATE_SCALE. */
const positionSteps = 64;
const weightSteps = 4096;
/** Keeps quotients of whole numbers that are whole from being rounded down; they differ from others by more. */
const slack = 5e-5;
/** Boxes are smaller: images have at most 2^14 pixels a side. */
const powersOfTwo = Array.from({ length: 14 }, (_, i) => 2 ** i);
const white = 255;

/** Short names for arithmetic on float32 values that broadcast; numbers are constants. */
function arithmetic(g: GraphBuilder) {
  type Term = Value | number;
  const value = (x: Term): Value => (typeof x === 'number' ? g.scalar(x) : x);
  const binary = (type: OperatorName) => (a: Term, b: Term) => g.op(type, [value(a), value(b)]);
  const [add, sub, mul, div] = [binary('Add'), binary('Sub'), binary('Mul'), binary('Div')];
  const relu = (x: Value) => g.op('Relu', [x]);
  const floor = (x: Value) => g.op('Floor', [x]);
  const isGreater = (a: Term, b: Term) => g.op('Cast', [binary('Greater')(a, b)], { to: 'float32' });
  return {
    ...{ add, sub, mul, div, relu, floor, isGreater, min: binary('Min'), max: binary('Max') },
    round: (x: Value) => floor(add(x, 0.5)),
    /** b where `share` is 1, a where it is 0. */
    mix: (a: Value, b: Value, share: Value) => add(mul(a, sub(1, share)), mul(b, share)),
    /** 1 where a whole number is 0, else 0, of numbers that are not negative. */
    isZero: (x: Value) => relu(sub(1, x)),
    sum: (x: Value) => g.op('ReduceSum', [x, g.ints([1])], { keepdims: 1 }),
  };
}

interface Fit {
  /** How many pixels of the image one pixel of the square stands for, from those numbers for both axes. */
  factor: (own: Value, other: Value) => Value;
  /** What is added to a place in the square to get the place in the scaled image, from the scaled image's size. */
  offset: (scaled: Value) => Value | undefined;
  /** Whether some of the square lies outside of the scaled image. */
  pads: boolean;
}

const fits = (g: GraphBuilder, size: number): Record<Resize, Fit> => {
  const { min, max, sub, mul, add, floor } = arithmetic(g);
  const half = (x: Value) => floor(add(mul(x, 0.5), 0.25));
  return {
    stretch: { factor: (own) => own, offset: () => undefined, pads: false },
    cover: { factor: min, offset: (scaled) => half(sub(scaled, size - 1)), pads: false },
    contain: { factor: max, offset: (scaled) => sub(0, half(sub(size, scaled))), pads: true },
  };
};

interface Axis {
  /** [1]: how many pixels are averaged before the filter, and how many such boxes the axis has. */
  box: Value;
  boxes: Value;
  /** [kept, boxes]: what each box weighs in what is kept of the axis: the result's pixels where it shrinks, all of its own where it grows. */
  shrink: Value;
  /** [imageSize, kept]: what is kept -> the result. */
  grow: Value;
  /** [imageSize, 1]: what lies outside of the image adds, where there is such. */
  padding?: Value;
}

/** 0, 1, ... as float32 [count]; the dimension gets a name. */
function counting(g: GraphBuilder, count: Value, dim: string): Value {
  const range = g.op('Range', [g.scalar(0), g.op('Reshape', [count, g.ints([])]), g.scalar(1)]);
  return { ...range, shape: [dim] };
}

/**
 * @param pixels of the image along this axis, float32 [1]
 * @param other the same along the other axis
 * @param dim name for the number of boxes
 */
function axisWeights(g: GraphBuilder, pixels: Value, other: Value, dim: string, squares: Squares): Axis {
  const { add, sub, mul, div, min, max, floor, relu, round, mix, isGreater, isZero, sum } = arithmetic(g);
  const { imageSize, resizeTo, resize, filter } = squares;
  const fit = fits(g, resizeTo)[resize];
  const [ownFactor, otherFactor] = [div(pixels, resizeTo), div(other, resizeTo)];
  const factor = min(fit.factor(ownFactor, otherFactor), pixels);
  const grows = isGreater(1, factor);
  const scaled = floor(add(div(pixels, factor), 0.5 + slack));
  const offset = fit.offset(scaled);
  const start = offset ? add(offset, cutOff(squares)) : g.constant('float32', [1], [cutOff(squares)]);

  const box = max(1, floor(add(div(pixels, mul(scaled, gap)), slack)));
  const boxes = add(floor(div(sub(pixels, 0.5), box)), 1);
  const step = div(factor, box);
  const reach = max(step, 1);
  const place = counting(g, boxes, dim);
  const steps = g.constant('float32', [1, outside.length], outside);

  const triangleAt = (at: Value, width: Value) => (x: Value) => relu(sub(1, div(g.op('Abs', [sub(x, at)]), width)));

  /** Rows for places among the boxes, [kept, 1]. */
  const rows = (center: Value): Value => {
    const triangle = triangleAt(mix(div(round(mul(center, positionSteps)), positionSteps), center, grows), reach);
    const first = mul(sum(triangle(sub(0, steps))), isZero(place));
    const last = mul(sum(triangle(add(sub(boxes, 1), steps))), isZero(sub(sub(boxes, 1), place)));
    const weights = add(add(triangle(place), first), last);
    const share = div(weights, max(sum(weights), slack));
    return mix(div(floor(mul(share, weightSteps)), weightSteps), share, grows);
  };

  const keptCount = mix(g.scalar(imageSize), pixels, grows);
  const kept = counting(g, keptCount, `${dim}_kept`);
  const keptRows = g.op('Transpose', [add(kept, g.constant('float32', [1, 1], [0]))], { perm: [1, 0] });
  /** How far the filter begins before the image's edge: half of what rounding added to the scaled image. */
  const before = mul(div(sub(mul(scaled, factor), pixels), box), 0.5);
  const filtered = sub(sub(mul(add(add(keptRows, start), 0.5), step), 0.5), before);
  const shrink = rows(mix(filtered, keptRows, grows));

  const results = g.constant(
    'float32',
    [imageSize, 1],
    Array.from({ length: imageSize }, (_, i) => i),
  );
  const target = add(results, start);
  const positions = {
    triangle: () => mix(results, sub(mul(add(target, 0.5), div(pixels, scaled)), 0.5), grows),
    shifted: () => {
      const eitherGrows = max(grows, isGreater(1, min(fit.factor(otherFactor, ownFactor), other)));
      return sub(mix(results, mul(target, step), grows), mul(eitherGrows, 0.5));
    },
  };
  const triangle = triangleAt(positions[filter](), g.scalar(1));
  // It reaches one pixel outside of the image.
  const first = mul(triangle(g.scalar(-1)), isZero(kept));
  const last = mul(triangle(keptCount), isZero(sub(sub(keptCount, 1), kept)));
  const grow = add(add(triangle(kept), first), last);
  if (!fit.pads) return { box, boxes, shrink, grow };
  const isInside = mul(isGreater(target, -0.5), isGreater(sub(scaled, 0.5), target));
  return { box, boxes, shrink, grow: mul(grow, isInside), padding: mul(sub(1, isInside), white) };
}

/**
 * Averages boxes of pixels along an axis, to whole values; the last box is filled up with the edge.
 *
 * @param x float32, rank 4
 * @param pixels along the axis, float32 [1]
 * @param dim name for the number of boxes
 */
function averageBoxes(
  g: GraphBuilder,
  x: Value,
  axis: number,
  pixels: Value,
  { box, boxes }: Axis,
  dim: string,
): Value {
  const { add, sub, mul, div, min, floor, mix, isGreater, isZero, sum } = arithmetic(g);
  const filled = min(counting(g, mul(boxes, box), `${dim}_filled`), sub(pixels, 1));
  const gathered = g.op('Gather', [x, g.op('Cast', [filled], { to: 'int32' })], { axis });
  const sizes = (start: number, end: number) => g.op('Shape', [x], { start, end });
  const count = (value: Value) => g.op('Cast', [value], { to: 'int64' });
  const parts = [
    ...(axis > 0 ? [sizes(0, axis)] : []),
    count(boxes),
    count(box),
    ...(axis < 3 ? [sizes(axis + 1, 4)] : []),
  ];
  const split = g.op('Reshape', [gathered, g.op('Concat', parts, { axis: 0 })]);
  const total = g.op('ReduceSum', [split, g.ints([axis + 1])], { keepdims: 0 });
  // Halves go up. libvips multiplies by the reciprocal, cut off where it has no end: whole quotients come out as the number below.
  const powers = g.constant('float32', [1, powersOfTwo.length], powersOfTwo);
  const isPower = sum(isZero(g.op('Abs', [sub(powers, box)])));
  const half = floor(mul(box, 0.5));
  const mean = floor(div(add(total, add(half, sub(mul(isPower, 0.5), 0.25))), box));
  // Boxes of one pixel stay as they are.
  return { ...mix(total, mean, isGreater(box, 1)), shape: x.shape.map((size, i) => (i === axis ? dim : size)) };
}

/**
 * Resizes images to squares, and cuts out their middle.
 *
 * @param planes float32 [batch, 3, `height`, `width`], whole values in 0..255
 * @returns float32 [batch, 3, imageSize, imageSize], whole values in 0..255: those of `decodeImage`, a few of them one beside
 */
export function resizeImages(g: GraphBuilder, planes: Value, squares: Squares): Value {
  return g.scope('resize', () => {
    const { add, round } = arithmetic(g);
    const pixels = (axis: number) =>
      g.op('Cast', [g.op('Shape', [planes], { start: axis, end: axis + 1 })], { to: 'float32' });
    const [h, w] = [pixels(2), pixels(3)];
    const rows = g.scope('rows', () => axisWeights(g, h, w, 'row_boxes', squares));
    const columns = g.scope('columns', () => axisWeights(g, w, h, 'column_boxes', squares));
    const transposed = (x: Value) => g.op('Transpose', [x], { perm: [1, 0] });
    const padded = (x: Value, padding?: Value) => (padding ? add(x, padding) : x);

    const flat = g.scope('rows', () => averageBoxes(g, planes, 2, h, rows, 'row_boxes'));
    const short = round(g.op('MatMul', [rows.shrink, flat]));
    const narrow = g.scope('columns', () => averageBoxes(g, short, 3, w, columns, 'column_boxes'));
    const small = round(g.op('MatMul', [narrow, transposed(columns.shrink)]));

    const wide = padded(
      g.op('MatMul', [small, transposed(columns.grow)]),
      columns.padding && transposed(columns.padding),
    );
    const between = squares.filter === 'triangle' ? round(wide) : wide;
    return round(padded(g.op('MatMul', [rows.grow, between]), rows.padding));
  });
}
