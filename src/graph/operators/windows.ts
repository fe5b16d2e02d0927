/** Pooling over [N, C, ...]. */
import { axisMatrix, reverseAlong } from '../lowerings/axes.js';
import type { PoolGeometry } from '../lowerings/pool.js';
import { maskMaxima, scatterMaxima, shareMeans } from '../lowerings/pool.js';
import { inFloat32 } from '../lowerings/sums.js';
import type { OperatorName } from '../onnx/names.js';
import type { Value } from '../onnx/nodes.js';
import { fixed } from '../onnx/nodes.js';
import type { Attributes } from '../onnx/types.js';
import type { Call, Operator, ShapeRule } from './operator.js';
import { fail, input, int, known } from './operator.js';
import { shareEvenly } from './reduce.js';
import { planeOf, slide, spatial } from './sliding.js';

/** @throws Error for a window of nothing but padding, which has no maximum and no mean */
function requireElements(sizes: readonly number[], extent: readonly number[], attributes: Attributes): void {
  const { kernel, strides, pads, dilations } = spatial(attributes, sizes);
  sizes.forEach((size, i) => {
    const isInside = (at: number, tap: number) => {
      const place = at * strides[i]! - pads[i]! + tap * dilations[i]!;
      return place >= 0 && place < size;
    };
    const taps = Array.from({ length: kernel[i]! }, (_, tap) => tap);
    const empty = Array.from({ length: extent[i]! }, (_, at) => at).find(
      (at) => !taps.some((tap) => isInside(at, tap)),
    );
    if (empty !== undefined) fail(`window ${empty} of spatial axis ${i} holds nothing but padding`);
  });
}

const pool: ShapeRule = (inputs, attributes, outputs) => {
  const { dtype, shape } = input(inputs, 0);
  const extent = slide(shape, attributes).map(known);
  requireElements(shape.slice(2).map(known), extent, attributes);
  if (outputs > 1 && attributes['storage_order']) fail('storage_order is 1: indices are row-major here');
  const out = [...shape.slice(0, 2), ...extent];
  return [{ dtype, shape: out }, ...(outputs > 1 ? [{ dtype: 'int64' as const, shape: out }] : [])];
};

const windowAttributes = {
  auto_pad: 'string',
  ceil_mode: 'int',
  kernel_shape: 'ints',
  strides: 'ints',
  pads: 'ints',
} as const;

/** Of windows over two axes, whose elements are neighbors; undefined for others. */
function poolGeometry({ x, attributes }: Call): PoolGeometry | undefined {
  const [, , ...sizes] = fixed(x[0]!.shape);
  const window = spatial(attributes, sizes);
  if (sizes.length !== 2 || window.dilations.some((step) => step > 1)) return undefined;
  const { kernel, stride, padding, behind } = planeOf(window, sizes);
  return { kernel, stride, padding, behind };
}

/** Windows of any number of axes, and those that hang over the end: axis by axis, since a window's elements are a product, too. */
function shareAlongAxes({ g, x, y, dy, attributes }: Call, countsPadding: boolean): Value {
  const [, , ...sizes] = fixed(x[0]!.shape);
  const { kernel, strides, pads } = spatial(attributes, sizes);
  return sizes.reduce((slopes, size, i) => {
    const before = pads[i]!;
    const last = size + pads[i + sizes.length]!;
    const matrix = axisMatrix(fixed(y.shape)[i + 2]!, size, (at, add) => {
      const [from, to] = [at * strides[i]! - before, at * strides[i]! - before + kernel[i]!];
      const [first, end] = [Math.max(from, 0), Math.min(to, size)];
      const count = countsPadding ? Math.min(to, last) - from : end - first;
      for (let place = first; place < end; place++) add(place, 1 / count);
    });
    return reverseAlong(g, slopes, i + 2, matrix);
  }, dy);
}

const wideImage = ({ g, x }: Call): Value =>
  x[0]!.dtype === 'float32' ? x[0]! : g.op('Cast', [x[0]!], { to: 'float32' });

/**
 * By comparing with the maxima. Those of float16 are found anew in float32: where ONNX Runtime computes float16 in float32, some
 * values are rounded and others are not.
 */
function comparedMaxima(call: Call, geometry: PoolGeometry): Value {
  const { g, x, y, dy, attributes } = call;
  const image = x[0]!;
  if (image.dtype === 'float32') return maskMaxima(g, image, y, dy, geometry);
  const wide = wideImage(call);
  const largest = g.op('MaxPool', [wide], attributes);
  return inFloat32(g, dy, (slopes) => maskMaxima(g, wide, largest, slopes, geometry));
}

/** Of windows that are not compared: they are looked for once more, for their places. */
function foundMaxima(call: Call): Value {
  const { g, x, dy, attributes } = call;
  const [, places] = g.ops('MaxPool', [wideImage(call)], { ...attributes, storage_order: undefined }, 2);
  return scatterMaxima(g, x[0]!, places!, dy);
}

function maxPoolSlope(call: Call): Value {
  const { g, x, dy, outputs } = call;
  if (outputs[1]) return scatterMaxima(g, x[0]!, outputs[1], dy);
  const geometry = poolGeometry(call);
  return geometry ? comparedMaxima(call, geometry) : foundMaxima(call);
}

const global: ShapeRule = (inputs) => {
  const { dtype, shape } = input(inputs, 0);
  return [{ dtype, shape: shape.map((dim, i) => (i < 2 ? dim : 1)) }];
};

export const windows = {
  /** Each element of a window gets an equal share of dy. */
  AveragePool: {
    inputs: [1, 1],
    shape: pool,
    attributes: { ...windowAttributes, count_include_pad: 'int' },
    gradient: (call) => {
      const { g, x, dy, attributes } = call;
      const countsPadding = int(attributes, 'count_include_pad', 0) === 1;
      const geometry = attributes['ceil_mode'] ? undefined : poolGeometry(call);
      return [
        () => (geometry ? shareMeans(g, x[0]!, dy, geometry, countsPadding) : shareAlongAxes(call, countsPadding)),
      ];
    },
  },
  GlobalAveragePool: {
    inputs: [1, 1],
    shape: global,
    attributes: {},
    gradient: ({ g, dy, x: [image] }) => [
      () => {
        const shape = fixed(image!.shape);
        const count = shape.slice(2).reduce((a, b) => a * b, 1);
        return g.op('Expand', [g.op('Mul', [dy, g.scalar(1 / count, dy.dtype)]), g.ints(shape)]);
      },
    ],
  },
  /** Of equal maxima each gets an equal share of dy, as with ReduceMax. */
  GlobalMaxPool: {
    inputs: [1, 1],
    shape: global,
    attributes: {},
    gradient: ({ g, dy, y, x: [image] }) => [
      () => shareEvenly(g, image!, y, () => dy, g.ints(image!.shape.map((_, i) => i).slice(2))),
    ],
  },
  /** dy goes to the first maximum of each window: by its second output where the node has that, else by comparing. */
  MaxPool: {
    inputs: [1, 1],
    shape: pool,
    attributes: { ...windowAttributes, dilations: 'ints', storage_order: 'int' },
    gradient: (call) => [() => maxPoolSlope(call)],
  },
} satisfies Partial<Record<OperatorName, Operator>>;
