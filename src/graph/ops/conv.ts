/**
 * Convolution over activations laid out (C, N, H, W), and its gradients. Weight [out, in, k_h, k_w], bias [out],
 * dilation 1, one group.
 *
 * With * for the sliding product, y = w * x: dw[o, c] slides dy[o] over x[c]; dx[c] is the full product of dy[o] with
 * w[o, c] turned by 180 degrees, summed over o; db sums dy. ONNX has no operator for dw, so each of the three products
 * has several lowerings; `convStrategies` picks one of each by shape.
 */
import type { GraphBuilder, Value } from '../builder.js';
import { slidingExtent } from '../onnx/operators.js';
import type { Provider } from '../options.js';
import type { Strategies } from './conv-strategies.js';
import { convStrategies, largestColumns } from './conv-strategies.js';
import type { Pair } from './windows.js';
import { rowSum } from './reduce.js';
import { dilateSpatial, im2col, im2colOfGradient, padSpatial, sliceSpatial } from './windows.js';

export interface ConvGeometry {
  stride: Pair;
  padding: Pair;
}

/** What the lowerings share: x [in, N, *size], y [out, N, *extent]. */
interface Conv extends ConvGeometry {
  g: GraphBuilder;
  x: Value;
  weight: Value;
  bias: Value | null;
  batch: number;
  channels: number;
  filters: number;
  kernel: Pair;
  size: Pair;
  extent: Pair;
  largestColumns: number;
}

const swapBatch = (g: GraphBuilder, x: Value): Value => g.op('Transpose', [x], { perm: [1, 0, 2, 3] });
const attributes = ({ kernel, stride, padding }: Conv) => ({
  kernel_shape: [...kernel],
  strides: [...stride],
  pads: [...padding, ...padding],
});
/** [C, N, H, W] as the matrix [C, N * H * W]. */
const asMatrix = (g: GraphBuilder, x: Value): Value => g.op('Reshape', [x, g.ints([x.shape[0] as number, -1])]);
const asFeatures = ({ g, batch }: Conv, matrix: Value, [height, width]: Pair): Value =>
  g.op('Reshape', [matrix, g.ints([-1, batch, height, width])]);

const sliceChannels = (g: GraphBuilder, x: Value, from: number, to: number): Value =>
  to - from === x.shape[0] ? x : g.op('Slice', [x, g.ints([from]), g.ints([to]), g.ints([0])]);

/** The weight as a matrix [out, in * k_h * k_w]. */
const weightMatrix = ({ g, weight, filters }: Conv): Value => g.op('Reshape', [weight, g.ints([filters, -1])]);
const asWeight = ({ g, weight }: Conv, matrix: Value): Value =>
  g.op('Reshape', [matrix, g.ints(weight.shape as number[])]);
const columnsOfInput = ({ g, x, kernel, stride, padding, extent, size }: Conv): Value =>
  im2col(g, x, {
    kernel,
    stride,
    before: padding,
    // Rows and columns that no window reaches are cropped.
    after: [0, 1].map((i) => (extent[i]! - 1) * stride[i]! + kernel[i]! - size[i]! - padding[i]!) as unknown as Pair,
    out: extent,
  });

/** Of a 1x1 convolution: the input elements that its stride touches. */
const touched = ({ g, x, extent, stride }: Conv): Value => sliceSpatial(g, x, [0, 0], extent, stride);

export const forwardLowerings = {
  /** ONNX's own operator, between two swaps of batch and channels (block copies, a few percent of its time). */
  conv: (c: Conv): Value => {
    const inputs = [swapBatch(c.g, c.x), c.weight];
    return swapBatch(c.g, c.g.op('Conv', c.bias ? [...inputs, c.bias] : inputs, attributes(c)));
  },
  /**
   * ONNX's own operator on all images as one, below each other with zeros between them. ONNX Runtime's CPU provider does a
   * convolution of more filters than output pixels image by image, with one thread for the shifted copies.
   */
  stacked: (c: Conv): Value => {
    const { g, x, weight, bias, channels, batch, filters, kernel, size, stride, padding, extent } = c;
    const gap = Math.max(padding[0], (extent[0] - 1) * stride[0] + kernel[0] - padding[0] - size[0]);
    const strides = Math.ceil((size[0] + gap) / stride[0]);
    const apart = padSpatial(g, x, [0, 0], [strides * stride[0] - size[0], 0]);
    const image = g.op('Reshape', [apart, g.ints([1, channels, batch * strides * stride[0], size[1]])]);
    const pads = [...padding, Math.max(0, kernel[0] - stride[0] - padding[0]), padding[1]];
    const y = g.op('Conv', bias ? [image, weight, bias] : [image, weight], { ...attributes(c), pads });
    return sliceSpatial(g, g.op('Reshape', [y, g.ints([filters, batch, strides, extent[1]])]), [0, 0], extent, [1, 1]);
  },
  /** 1x1: one matrix product, of the input as it is. */
  pointwise: (c: Conv): Value => {
    const { g, bias } = c;
    const inputs = [weightMatrix(c), asMatrix(g, touched(c))];
    return asFeatures(c, g.op('Gemm', bias ? [...inputs, g.op('Reshape', [bias, g.ints([-1, 1])])] : inputs), c.extent);
  },
};

type Gradient = (c: Conv, dy: Value) => Value;

export const weightLowerings: Record<string, Gradient> = {
  /** A few input channels at a time, so that the shifted copies of large images need not all be alive at once. */
  im2col: (c, dy) => {
    const { g, x, channels, kernel, batch, extent } = c;
    const perChannel = kernel[0] * kernel[1] * batch * extent[0] * extent[1];
    const size = Math.ceil(channels / Math.ceil((channels * perChannel) / c.largestColumns));
    const products: Value[] = [];
    for (let from = 0; from < channels; from += size) {
      const some = sliceChannels(g, x, from, Math.min(from + size, channels));
      products.push(g.op('Gemm', [asMatrix(g, dy), columnsOfInput({ ...c, x: some })], { transB: 1 }));
    }
    return asWeight(c, products.length > 1 ? g.op('Concat', products, { axis: 1 }) : products[0]!);
  },
  pointwise: (c, dy) => asWeight(c, c.g.op('Gemm', [asMatrix(c.g, dy), asMatrix(c.g, touched(c))], { transB: 1 })),
  /**
   * ONNX's Conv with batch and channels in each other's place: x as `in` images of N channels, dy as `out` filters with
   * the stride as dilation. Good only where `in` is tiny, as in the first layer.
   */
  swapped: (c, dy) => {
    const product = c.g.op('Conv', [c.x, dy], {
      kernel_shape: [...c.extent],
      dilations: [...c.stride],
      pads: [...c.padding, ...c.padding],
    });
    return swapBatch(c.g, sliceSpatial(c.g, product, [0, 0], c.kernel, [1, 1]));
  },
};

/** Shifted copies of dy, [k_h * k_w * out, N * H * W]: what dx and dw of a convolution of stride 1 both need. */
const columnsOfGradient = ({ g, kernel, padding, size, extent }: Conv, dy: Value): Value => {
  const before = [0, 1].map((i) => kernel[i]! - 1 - padding[i]!) as unknown as Pair;
  const after = [0, 1].map((i) => size[i]! + kernel[i]! - 1 - before[i]! - extent[i]!) as unknown as Pair;
  return im2colOfGradient(g, dy, { kernel, stride: [1, 1], before, after, out: size });
};

export const inputLowerings: Record<string, Gradient> = {
  convTranspose: (c, dy) => {
    const extra = [0, 1].map(
      (i) => c.size[i]! - ((c.extent[i]! - 1) * c.stride[i]! + c.kernel[i]! - 2 * c.padding[i]!),
    );
    return swapBatch(
      c.g,
      c.g.op('ConvTranspose', [swapBatch(c.g, dy), c.weight], { ...attributes(c), output_padding: extra }),
    );
  },
  /**
   * Stride 1: the convolution of dy with the weight turned by 180 degrees and its channels and filters in each other's
   * place, padded to the full product.
   */
  turned: (c, dy) => {
    const { g, weight, filters, channels, kernel, padding } = c;
    const taps = kernel[0] * kernel[1];
    const backwards = g.ints(Array.from({ length: taps }, (_, i) => taps - 1 - i));
    const flat = g.op('Reshape', [weight, g.ints([filters, channels, taps])]);
    const turned = g.op('Transpose', [g.op('Gather', [flat, backwards], { axis: 2 })], { perm: [1, 0, 2] });
    const pads = [0, 1].map((i) => kernel[i]! - 1 - padding[i]!);
    const full = g.op('Conv', [swapBatch(g, dy), g.op('Reshape', [turned, g.ints([channels, filters, ...kernel])])], {
      kernel_shape: [...kernel],
      strides: [1, 1],
      pads: [...pads, ...pads],
    });
    return swapBatch(g, full);
  },
  pointwise: (c, dy) => {
    const dx = c.g.op('Gemm', [weightMatrix(c), asMatrix(c.g, dy)], { transA: 1 });
    return dilateSpatial(c.g, asFeatures(c, dx, c.extent), [0, 0], c.stride, c.size);
  },
};

/** [rows, columns] -> [columns, rows] */
const transposed = (g: GraphBuilder, matrix: Value, [rows, columns]: Pair): Value =>
  g.op('Transpose', [g.op('Reshape', [matrix, g.ints([rows, columns])])], { perm: [1, 0] });

/** Both gradients of a convolution of stride 1 from one im2col of dy: 9 instead of 18 copies for a 3x3 kernel. */
function sharedGradients(c: Conv, dy: Value): { dx: Value; dw: Value } {
  const { g, filters, channels, kernel } = c;
  const taps = kernel[0] * kernel[1];
  const columns = columnsOfGradient(c, dy);
  const byInput = transposed(g, c.weight, [filters, channels * taps]);
  const dx = g.op('Gemm', [g.op('Reshape', [byInput, g.ints([channels, taps * filters])]), columns]);
  const product = g.op('Gemm', [columns, asMatrix(g, c.x)], { transB: 1 });
  return { dx: asFeatures(c, dx, c.size), dw: asWeight(c, transposed(g, product, [taps, filters * channels])) };
}

/**
 * @param x [in, N, H, W]
 * @returns [out, N, out_h, out_w]
 * @throws Error when channels or kernel do not fit the input
 */
export function conv2d(
  g: GraphBuilder,
  x: Value,
  weight: Value,
  bias: Value | null,
  geometry: ConvGeometry,
  provider: Provider,
  strategies?: Strategies,
): Value {
  const [channels, batch, height, width] = x.shape as [number, number, number, number];
  const [filters, wanted, kh, kw] = weight.shape as [number, number, number, number];
  if (channels !== wanted) {
    throw new Error(
      `Conv at ${g.path}: input [${x.shape.join(', ')}] has ${channels} channels, weight [${weight.shape.join(', ')}] wants ${wanted}`,
    );
  }
  const { stride, padding } = geometry;
  const extent: Pair = [
    slidingExtent(height, kh, stride[0], 2 * padding[0]),
    slidingExtent(width, kw, stride[1], 2 * padding[1]),
  ];
  const shape = { batch, channels, filters, kernel: [kh, kw] as Pair, size: [height, width] as Pair, extent };
  const chosen = strategies ?? convStrategies(provider, { ...shape, stride, padding });
  const c: Conv = {
    g,
    x,
    weight,
    bias,
    ...shape,
    stride,
    padding,
    largestColumns: chosen.largestColumns ?? largestColumns,
  };
  const y = forwardLowerings[chosen.forward](c);
  return g.differentiable(bias ? [x, weight, bias] : [x, weight], y, (dy) => {
    const db = bias?.tracked ? g.op('Reshape', [rowSum(g, asMatrix(g, dy), batch), g.ints([filters])]) : null;
    if (chosen.gradients === 'shared' && x.tracked && weight.tracked) {
      const { dx, dw } = sharedGradients(c, dy);
      return [dx, dw, db];
    }
    return [
      x.tracked ? inputLowerings[chosen.input]!(c, dy) : null,
      weight.tracked ? weightLowerings[chosen.weight]!(c, dy) : null,
      db,
    ];
  });
}
