/** Cases of convolution, pooling and normalization. */
import type { Draw, Generate } from './draw.js';

type Pair = [number, number];

const pair = (draw: Draw, low: number, high: number): Pair => [draw.int(low, high), draw.int(low, high)];

/** A window that fits its image, whose padding in front and behind differ. */
function geometry(draw: Draw, { dilates, widest = 2 }: { dilates: boolean; widest?: number }) {
  const kernel = pair(draw, 1, 3);
  const stride = pair(draw, 1, 2);
  const dilation: Pair = dilates && draw.maybe(0.4) ? pair(draw, 1, 2) : [1, 1];
  const span = kernel.map((k, i) => (k - 1) * dilation[i]! + 1);
  const isPadded = draw.maybe(0.7);
  const pad = (i: number) => (isPadded ? draw.int(0, Math.min(widest, kernel[i]! - 1)) : 0);
  const pads = [pad(0), pad(1), pad(0), pad(1)];
  const size = [0, 1].map((i) => Math.max(1, span[i]! - pads[i]! - pads[i + 2]!) + draw.int(0, 2)) as Pair;
  const hasDilations = dilation.some((step) => step > 1) || (dilates && draw.maybe(0.2));
  const attributes = {
    kernel_shape: kernel,
    strides: stride.some((step) => step > 1) ? stride : draw.optional(stride),
    pads: isPadded ? pads : undefined,
    dilations: hasDilations ? dilation : undefined,
  };
  const isEmpty = [0, 1].some((i) => {
    const extent = Math.floor((size[i]! + pads[i]! + pads[i + 2]! - span[i]!) / stride[i]!) + 1;
    const holds = (at: number) =>
      Array.from({ length: kernel[i]! }, (_, tap) => at * stride[i]! - pads[i]! + tap * dilation[i]!).some(
        (place) => place >= 0 && place < size[i]!,
      );
    return !Array.from({ length: extent }, (_, at) => holds(at)).every(Boolean);
  });
  /** Whether a window of ceil_mode would begin behind the image, which is refused. */
  const isBeyond = [0, 1].some((i) => {
    const last = Math.ceil((size[i]! + pads[i]! + pads[i + 2]! - span[i]!) / stride[i]!);
    return last * stride[i]! >= size[i]! + pads[i]!;
  });
  return { kernel, size, attributes, isEmpty, ceil_mode: isBeyond ? 0 : 1 };
}

/** No window of which is nothing but padding. */
function poolGeometry(draw: Draw, dilates: boolean): ReturnType<typeof geometry> {
  const drawn = geometry(draw, { dilates });
  return drawn.isEmpty ? poolGeometry(draw, dilates) : drawn;
}

/** Groups of all kinds: one, some, depthwise with several filters a channel. */
const conv: Generate = (draw) => {
  const { kernel, size, attributes } = geometry(draw, { dilates: true });
  const groups = draw.pick([1, 1, 2, 3]);
  const [perGroup, filters] = [groups > 2 ? 1 : draw.int(1, 2), groups * draw.int(1, 2)];
  return {
    inputs: [
      draw.tensor([draw.int(1, 2), groups * perGroup, ...size]),
      draw.tensor([filters, perGroup, ...kernel]),
      ...(draw.maybe() ? [draw.tensor([filters])] : []),
    ],
    attributes: {
      ...attributes,
      kernel_shape: draw.optional(attributes.kernel_shape),
      group: groups > 1 ? groups : draw.optional(1),
    },
  };
};

const convTranspose: Generate = (draw) => {
  const { kernel, attributes } = geometry(draw, { dilates: true, widest: 0 });
  const groups = draw.pick([1, 2]);
  const strides = attributes.strides ?? [1, 1];
  return {
    inputs: [
      { ...draw.tensor([1, 2 * groups, 3, 2]), role: 'fed' },
      { ...draw.tensor([2 * groups, 2, ...kernel]), role: 'fed' },
    ],
    attributes: {
      ...attributes,
      group: groups,
      output_padding: draw.optional(strides.map((step) => draw.int(0, step - 1))),
    },
  };
};

/** There is no rule for a last window that hangs over the end. */
const averagePool: Generate = (draw) => {
  const { size, attributes, ceil_mode: most } = poolGeometry(draw, false);
  const ceil_mode = draw.maybe(0.2) ? most : draw.optional(0);
  return {
    inputs: [{ ...draw.tensor([draw.int(1, 2), draw.int(1, 2), ...size]), role: ceil_mode ? 'fed' : 'watched' }],
    attributes: { ...attributes, dilations: undefined, ceil_mode, count_include_pad: draw.optional(draw.int(0, 1)) },
  };
};

/** Dilated only with its second output, of which the other way of its gradient knows nothing. */
const maxPool: Generate = (draw) => {
  const outputs = draw.int(1, 2);
  const { size, attributes, ceil_mode } = poolGeometry(draw, outputs > 1);
  return {
    inputs: [{ ...draw.distinct([draw.int(1, 2), draw.int(1, 2), ...size]), role: 'watched' }],
    attributes: { ...attributes, ceil_mode: draw.optional(ceil_mode) },
    outputs,
  };
};

const image = (draw: Draw): number[] => [draw.int(1, 3), draw.int(1, 3), ...draw.shape(0, 2)];

const batchNormalization: Generate = (draw) => {
  const shape = image(draw);
  const vector = (value = draw.normal) => draw.tensor([shape[1]!], value);
  return {
    inputs: [draw.tensor(shape), vector(), vector(), vector(), vector(draw.positive)],
    attributes: { epsilon: draw.optional(0.1), momentum: draw.optional(0.9) },
  };
};

const instanceNormalization: Generate = (draw) => ({
  inputs: [[2, 3, 4], [3], [3]].map((shape) => ({ ...draw.tensor(shape), role: 'fed' })),
  attributes: { epsilon: draw.optional(0.1) },
});

export const windows = {
  AveragePool: averagePool,
  BatchNormalization: batchNormalization,
  Conv: conv,
  ConvTranspose: convTranspose,
  GlobalAveragePool: (draw) => ({ inputs: [draw.watched([2, draw.int(1, 3), ...draw.shape(1, 2)])] }),
  InstanceNormalization: instanceNormalization,
  MaxPool: maxPool,
} satisfies Record<string, Generate>;
