/**
 * The lowerings of a convolution's three products. Activations are laid out (C, N, H, W) or (N, C, H, W); weight
 * [out, in / groups, k_h, k_w], bias [out].
 *
 * With * for the sliding product, y = w * x: dw[o, c] slides dy[o] over x[c]; dx[c] is the full product of dy[o] with
 * w[o, c] turned by 180 degrees, summed over o; db sums dy. ONNX has no operator for dw, so each of the three products
 * has several lowerings; `convStrategies` picks one of each by shape.
 */
import type { Nodes, Value } from '../onnx/nodes.js';
import { fixed } from '../onnx/nodes.js';
import type { ConvShape } from './conv-strategies.js';
import { inFloat32, rowSum } from './sums.js';
import type { Pair } from './windows.js';
import { dilateSpatial, im2col, im2colOfGradient, padSpatial, pairOf, sliceSpatial } from './windows.js';

/** Which of batch and channels is the first axis of activations. */
export type Layout = 'CNHW' | 'NCHW';

/** A convolution: x [in, N, *size] and y [out, N, *extent], or with batch and channels in each other's place. */
export interface Conv extends ConvShape {
  g: Nodes;
  x: Value;
  weight: Value;
  bias: Value | null;
  layout: Layout;
  /** Elements of shifted copies to make at a time. */
  largestColumns: number;
}

const swapBatch = (g: Nodes, x: Value): Value => g.op('Transpose', [x], { perm: [1, 0, 2, 3] });

/** Between the activations' own layout and another, in either direction. */
const toOrFrom = ({ g, layout }: Conv, wanted: Layout, x: Value): Value => (layout === wanted ? x : swapBatch(g, x));
const nchw = (c: Conv, x: Value): Value => toOrFrom(c, 'NCHW', x);
const cnhw = (c: Conv, x: Value): Value => toOrFrom(c, 'CNHW', x);

/** What a kernel covers in the image. */
const span = ({ kernel, dilation }: ConvShape): Pair => pairOf((i) => (kernel[i] - 1) * dilation[i] + 1);

/** Of ONNX's Conv and ConvTranspose; those that have their default are left out. */
export const convAttributes = ({
  kernel,
  stride,
  padding,
  behind,
  groups,
  dilation,
}: Pick<ConvShape, 'kernel' | 'stride' | 'padding' | 'behind' | 'groups' | 'dilation'>) => ({
  kernel_shape: [...kernel],
  strides: [...stride],
  pads: [...padding, ...behind],
  ...(groups > 1 && { group: groups }),
  ...(dilation.some((step) => step > 1) && { dilations: [...dilation] }),
});

/** [C, N, H, W] as the matrix [C, N * H * W]. */
const asMatrix = (g: Nodes, x: Value): Value => g.op('Reshape', [x, g.ints([x.shape[0] as number, -1])]);
const asFeatures = ({ g, batch }: Conv, matrix: Value, [height, width]: Pair): Value =>
  g.op('Reshape', [matrix, g.ints([-1, batch, height, width])]);

const sliceChannels = (g: Nodes, x: Value, from: number, to: number): Value =>
  to - from === x.shape[0] ? x : g.op('Slice', [x, g.ints([from]), g.ints([to]), g.ints([0])]);

/** The weight as a matrix [out, in * k_h * k_w]. */
const weightMatrix = ({ g, weight, filters }: Conv): Value => g.op('Reshape', [weight, g.ints([filters, -1])]);
const asWeight = ({ g, weight }: Conv, matrix: Value): Value => g.op('Reshape', [matrix, g.ints(fixed(weight.shape))]);

/** @param x some channels of the input, [C, N, H, W] */
function columnsOfInput(c: Conv, x: Value): Value {
  const { g, kernel, stride, dilation, padding, extent, size } = c;
  // Rows and columns that no window reaches are cropped.
  const after = pairOf((i) => (extent[i] - 1) * stride[i] + span(c)[i] - size[i] - padding[i]);
  return im2col(g, x, { kernel, stride, dilation, before: padding, after, out: extent });
}

/** Of a 1x1 convolution: the input elements that its stride touches. */
const touched = (c: Conv): Value => sliceSpatial(c.g, cnhw(c, c.x), [0, 0], c.extent, c.stride);

export const forwardLowerings = {
  /** ONNX's own operator; from (C, N, H, W) between two swaps (block copies, a few percent of its time). */
  conv: (c: Conv): Value => {
    const inputs = [nchw(c, c.x), c.weight];
    return nchw(c, c.g.op('Conv', c.bias ? [...inputs, c.bias] : inputs, convAttributes(c)));
  },
  /**
   * ONNX's own operator on all images as one, below each other with zeros between them. ONNX Runtime's CPU provider does a
   * convolution of more filters than output pixels image by image, with one thread for the shifted copies.
   */
  stacked: (c: Conv): Value => {
    const { g, weight, bias, channels, batch, filters, size, stride, padding, behind, extent } = c;
    const reach = span(c)[0];
    const gap = Math.max(padding[0], (extent[0] - 1) * stride[0] + reach - padding[0] - size[0]);
    const strides = Math.ceil((size[0] + gap) / stride[0]);
    const apart = padSpatial(g, cnhw(c, c.x), [0, 0], [strides * stride[0] - size[0], 0]);
    const image = g.op('Reshape', [apart, g.ints([1, channels, batch * strides * stride[0], size[1]])]);
    const pads = [...padding, Math.max(0, reach - stride[0] - padding[0]), behind[1]];
    const y = g.op('Conv', bias ? [image, weight, bias] : [image, weight], { ...convAttributes(c), pads });
    const rows = g.op('Reshape', [y, g.ints([filters, batch, strides, extent[1]])]);
    return cnhw(c, sliceSpatial(g, rows, [0, 0], extent, [1, 1]));
  },
  /** 1x1: one matrix product, of the input as it is. */
  pointwise: (c: Conv): Value => {
    const { g, bias } = c;
    const inputs = [weightMatrix(c), asMatrix(g, touched(c))];
    const y = g.op('Gemm', bias ? [...inputs, g.op('Reshape', [bias, g.ints([-1, 1])])] : inputs);
    return cnhw(c, asFeatures(c, y, c.extent));
  },
};

/** How many of some equal parts to make at a time, so that the shifted copies of each lot are not larger than is wanted. */
const lotOf = ({ kernel, batch, extent, largestColumns }: Conv, parts: number, channels: number): number => {
  const perPart = (channels / parts) * kernel[0] * kernel[1] * batch * extent[0] * extent[1];
  return Math.ceil(parts / Math.ceil((parts * perPart) / largestColumns));
};

export const weightLowerings = {
  /** A few input channels at a time, so that the shifted copies of large images need not all be alive at once. */
  im2col: (c: Conv, dy: Value): Value => {
    const { g, channels } = c;
    const size = lotOf(c, channels, channels);
    const [x, slopes] = [cnhw(c, c.x), cnhw(c, dy)];
    const products: Value[] = [];
    for (let from = 0; from < channels; from += size) {
      const some = sliceChannels(g, x, from, Math.min(from + size, channels));
      products.push(g.op('Gemm', [asMatrix(g, slopes), columnsOfInput(c, some)], { transB: 1 }));
    }
    return asWeight(c, products.length > 1 ? g.op('Concat', products, { axis: 1 }) : products[0]!);
  },
  pointwise: (c: Conv, dy: Value): Value =>
    asWeight(c, c.g.op('Gemm', [asMatrix(c.g, cnhw(c, dy)), asMatrix(c.g, touched(c))], { transB: 1 })),
  /** Each group's product beside the others', a few groups at a time. */
  grouped: (c: Conv, dy: Value): Value => {
    const { g, channels, filters, groups } = c;
    const lot = lotOf(c, groups, channels);
    const [x, slopes] = [cnhw(c, c.x), cnhw(c, dy)];
    const products: Value[] = [];
    for (let from = 0; from < groups; from += lot) {
      const to = Math.min(from + lot, groups);
      const part = (value: Value, each: number) => sliceChannels(g, value, from * each, to * each);
      const byGroup = (matrix: Value, rows: number) => g.op('Reshape', [matrix, g.ints([to - from, rows, -1])]);
      const taps = c.kernel[0] * c.kernel[1];
      const columns = byGroup(columnsOfInput(c, part(x, channels / groups)), (channels / groups) * taps);
      const ofFilters = byGroup(asMatrix(g, part(slopes, filters / groups)), filters / groups);
      products.push(g.op('MatMul', [ofFilters, g.op('Transpose', [columns], { perm: [0, 2, 1] })]));
    }
    return asWeight(c, products.length > 1 ? g.op('Concat', products, { axis: 0 }) : products[0]!);
  },
  /**
   * ONNX's Conv with batch and channels in each other's place: x as `in` images of N channels, dy as `out` filters with
   * the stride as dilation and the dilation as stride. Good only where `in` is tiny, as in the first layer.
   */
  swapped: (c: Conv, dy: Value): Value => {
    const product = c.g.op('Conv', [cnhw(c, c.x), cnhw(c, dy)], {
      kernel_shape: [...c.extent],
      dilations: [...c.stride],
      pads: [...c.padding, ...c.behind],
      strides: c.dilation.some((step) => step > 1) ? [...c.dilation] : undefined,
    });
    return swapBatch(c.g, sliceSpatial(c.g, product, [0, 0], c.kernel, [1, 1]));
  },
};

/** Shifted copies of dy, [k_h * k_w * out, N * H * W]: what dx and dw of a convolution of stride 1 both need. */
const columnsOfGradient = ({ g, kernel, dilation, padding, size, extent }: Conv, dy: Value): Value => {
  const before = pairOf((i) => kernel[i] - 1 - padding[i]);
  const after = pairOf((i) => size[i] + kernel[i] - 1 - before[i] - extent[i]);
  return im2colOfGradient(g, dy, { kernel, stride: [1, 1], dilation, before, after, out: size });
};

/** [out, in / groups, k_h, k_w] -> [in, out / groups, k_h * k_w], each kernel turned by 180 degrees; groups as an axis of their own. */
function turnedWeight({ g, weight, filters, channels, groups, kernel }: Conv): Value {
  const taps = kernel[0] * kernel[1];
  const backwards = g.ints(Array.from({ length: taps }, (_, i) => taps - 1 - i));
  const grouped = groups > 1 ? [groups] : [];
  const axis = grouped.length;
  const flat = g.op('Reshape', [weight, g.ints([...grouped, filters / groups, channels / groups, taps])]);
  const perm = [...grouped.keys(), axis + 1, axis, axis + 2];
  return g.op('Transpose', [g.op('Gather', [flat, backwards], { axis: axis + 2 })], { perm });
}

export const inputLowerings = {
  convTranspose: (c: Conv, dy: Value): Value => {
    const { size, extent, stride, padding, behind } = c;
    const extra = [0, 1].map(
      (i) => size[i]! - ((extent[i]! - 1) * stride[i]! + span(c)[i]! - padding[i]! - behind[i]!),
    );
    return nchw(c, c.g.op('ConvTranspose', [nchw(c, dy), c.weight], { ...convAttributes(c), output_padding: extra }));
  },
  /**
   * The convolution of dy, zeros between its places for a stride, with the weight turned by 180 degrees and its channels and filters in
   * each other's place, padded to the full product.
   */
  turned: (c: Conv, dy: Value): Value => {
    const { g, channels, filters, kernel, stride, padding, behind, dilation, groups, size } = c;
    const full = (pads: Pair) => pairOf((i) => (kernel[i] - 1) * dilation[i] - pads[i]);
    const front = full(padding);
    const isAsItIs = stride.every((step) => step === 1) && [...front, ...full(behind)].every((pad) => pad >= 0);
    const whole = pairOf((i) => size[i] + (kernel[i] - 1) * dilation[i]);
    const turned = turnedWeight(c);
    const slopes = isAsItIs ? nchw(c, dy) : dilateSpatial(g, nchw(c, dy), front, stride, whole);
    const dx = g.op('Conv', [slopes, g.op('Reshape', [turned, g.ints([channels, filters / groups, ...kernel])])], {
      kernel_shape: [...kernel],
      strides: [1, 1],
      pads: isAsItIs ? [...front, ...full(behind)] : [0, 0, 0, 0],
      ...(groups > 1 && { group: groups }),
      ...(dilation.some((step) => step > 1) && { dilations: [...dilation] }),
    });
    return nchw(c, dx);
  },
  pointwise: (c: Conv, dy: Value): Value => {
    const dx = c.g.op('Gemm', [weightMatrix(c), asMatrix(c.g, cnhw(c, dy))], { transA: 1 });
    return cnhw(c, dilateSpatial(c.g, asFeatures(c, dx, c.extent), [0, 0], c.stride, c.size));
  },
};

/** [rows, columns] -> [columns, rows] */
const transposed = (g: Nodes, matrix: Value, [rows, columns]: Pair): Value =>
  g.op('Transpose', [g.op('Reshape', [matrix, g.ints([rows, columns])])], { perm: [1, 0] });

/** Both gradients of a convolution of stride 1 from one im2col of dy: 9 instead of 18 copies for a 3x3 kernel. */
export function sharedGradients(c: Conv, dy: Value): { dx: Value; dw: Value } {
  const { g, filters, channels, kernel } = c;
  const taps = kernel[0] * kernel[1];
  const columns = columnsOfGradient(c, cnhw(c, dy));
  const byInput = transposed(g, c.weight, [filters, channels * taps]);
  const dx = g.op('Gemm', [g.op('Reshape', [byInput, g.ints([channels, taps * filters])]), columns]);
  const product = g.op('Gemm', [columns, asMatrix(g, cnhw(c, c.x))], { transB: 1 });
  return {
    dx: cnhw(c, asFeatures(c, dx, c.size)),
    dw: asWeight(c, transposed(g, product, [taps, filters * channels])),
  };
}

/** db: dy summed over images and places. */
export const biasGradient = (c: Conv, dy: Value): Value =>
  inFloat32(c.g, asMatrix(c.g, cnhw(c, dy)), (rows) =>
    c.g.op('Reshape', [rowSum(c.g, rows, c.batch), c.g.ints([c.filters])]),
  );

/** The three gradients by named lowerings; null where none is wanted. */
export function convGradients(
  c: Conv,
  strategies: {
    gradients: 'shared' | 'apart';
    input: keyof typeof inputLowerings;
    weight: keyof typeof weightLowerings;
  },
  dy: Value,
): (Value | null)[] {
  const { x, weight, bias } = c;
  const db = bias?.tracked ? biasGradient(c, dy) : null;
  if (strategies.gradients === 'shared' && x.tracked && weight.tracked) {
    const { dx, dw } = sharedGradients(c, dy);
    return [dx, dw, db];
  }
  return [
    x.tracked ? inputLowerings[strategies.input](c, dy) : null,
    weight.tracked ? weightLowerings[strategies.weight](c, dy) : null,
    db,
  ];
}
