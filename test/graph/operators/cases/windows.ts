/** Cases of convolution and pooling. */
import type { CaseInput, Draw, Generate } from './draw.js';

const list = (draw: Draw, rank: number, low: number, high: number): number[] =>
  Array.from({ length: rank }, () => draw.int(low, high));

interface Settings {
  dilates: boolean;
  rank: number;
  /** Most padding. */
  widest?: number;
}

/** A window that fits its image, whose padding in front and behind differ; in a quarter of the cases ONNX pads by itself. */
function geometry(draw: Draw, { dilates, rank, widest = 2 }: Settings) {
  const kernel = list(draw, rank, 1, 3);
  const stride = list(draw, rank, 1, rank > 2 ? 1 : 2);
  const isDilated = dilates && draw.maybe(0.4);
  const dilation = isDilated ? list(draw, rank, 1, 2) : list(draw, rank, 1, 1);
  const span = kernel.map((k, i) => (k - 1) * dilation[i]! + 1);
  const auto_pad = draw.maybe(0.25)
    ? draw.pick(isDilated ? ['VALID'] : ['SAME_UPPER', 'SAME_LOWER', 'VALID'])
    : draw.optional('NOTSET');
  const isAuto = auto_pad !== undefined && auto_pad !== 'NOTSET';
  const isPadded = !isAuto && draw.maybe(0.7);
  const pad = (i: number) => (isPadded ? draw.int(0, Math.min(widest, kernel[i]! - 1)) : 0);
  const pads = [...kernel.map((_, i) => pad(i)), ...kernel.map((_, i) => pad(i))];
  const size = span.map((reach, i) => Math.max(1, reach - pads[i]! - pads[i + rank]!) + draw.int(0, 2));
  const hasDilations = dilation.some((step) => step > 1) || (dilates && draw.maybe(0.2));
  const attributes = {
    auto_pad,
    kernel_shape: kernel,
    strides: stride.some((step) => step > 1) ? stride : draw.optional(stride),
    pads: isPadded ? pads : undefined,
    dilations: hasDilations ? dilation : undefined,
  };
  const isEmpty = kernel.some((taps, i) => {
    const extent = Math.floor((size[i]! + pads[i]! + pads[i + rank]! - span[i]!) / stride[i]!) + 1;
    const holds = (at: number) =>
      Array.from({ length: taps }, (_, tap) => at * stride[i]! - pads[i]! + tap * dilation[i]!).some(
        (place) => place >= 0 && place < size[i]!,
      );
    return !Array.from({ length: extent }, (_, at) => holds(at)).every(Boolean);
  });
  /** Whether a window of ceil_mode would begin behind the image, which is refused. */
  const isBeyond = kernel.some((_, i) => {
    const last = Math.ceil((size[i]! + pads[i]! + pads[i + rank]! - span[i]!) / stride[i]!);
    return last * stride[i]! >= size[i]! + pads[i]!;
  });
  return { kernel, size, attributes, isEmpty, ceil_mode: isBeyond ? 0 : 1 };
}

/** No window of which is nothing but padding. */
function poolGeometry(draw: Draw, dilates: boolean): ReturnType<typeof geometry> {
  const drawn = geometry(draw, { dilates, rank: draw.pick([1, 2, 2, 3]) });
  return drawn.isEmpty ? poolGeometry(draw, dilates) : drawn;
}

/** Of three axes there is no rule. */
const roleOf = (rank: number, tensor: CaseInput): CaseInput => (rank > 2 ? { ...tensor, role: 'fed' } : tensor);

/** Groups of all kinds: one, some, depthwise with several filters a channel. */
const conv: Generate = (draw) => {
  const rank = draw.pick([1, 2, 2, 2, 2, 3]);
  const { kernel, size, attributes } = geometry(draw, { dilates: true, rank });
  const groups = draw.pick([1, 1, 2, 3]);
  const [perGroup, filters] = [groups > 2 ? 1 : draw.int(1, 2), groups * draw.int(1, 2)];
  const inputs = [
    draw.tensor([draw.int(1, 2), groups * perGroup, ...size]),
    draw.tensor([filters, perGroup, ...kernel]),
    ...(draw.maybe() ? [draw.tensor([filters])] : []),
  ];
  return {
    inputs: inputs.map((tensor) => roleOf(rank, tensor)),
    attributes: {
      ...attributes,
      kernel_shape: draw.optional(attributes.kernel_shape),
      group: groups > 1 ? groups : draw.optional(1),
    },
  };
};

/** Padding that leaves an element or more, by pads, by output_shape, or by ONNX itself. */
const convTranspose: Generate = (draw) => {
  const rank = draw.pick([1, 2, 2, 3]);
  const { kernel, attributes } = geometry(draw, { dilates: true, rank, widest: 0 });
  const groups = draw.pick([1, 1, 2]);
  const strides = attributes.strides ?? kernel.map(() => 1);
  const extra = draw.optional(strides.map((step) => draw.int(0, step - 1)));
  const size = list(draw, rank, 2, 3);
  const span = kernel.map((k, i) => (k - 1) * (attributes.dilations?.[i] ?? 1) + 1);
  const full = size.map((n, i) => (n - 1) * strides[i]! + span[i]! + (extra?.[i] ?? 0));
  const isSame = attributes.auto_pad?.startsWith('SAME');
  const isTooSmall = full.some((most, i) => most < size[i]! * strides[i]!);
  const pad = () => full.map((most) => draw.int(0, Math.min(1, Math.floor((most - 1) / 2))));
  const way = isSame ? '' : draw.pick(['pads', 'output_shape', '']);
  const inputs = [
    draw.tensor([draw.int(1, 2), 2 * groups, ...size]),
    draw.tensor([2 * groups, draw.int(1, 2), ...kernel]),
  ];
  const filters = inputs[1]!.shape[1]! * groups;
  return {
    inputs: [...inputs, ...(draw.maybe() ? [draw.tensor([filters])] : [])].map((tensor) => roleOf(rank, tensor)),
    attributes: {
      ...attributes,
      auto_pad: way || (isSame && isTooSmall) ? draw.optional('NOTSET') : attributes.auto_pad,
      kernel_shape: draw.optional(kernel),
      group: groups > 1 ? groups : draw.optional(1),
      pads: way === 'pads' ? [...pad(), ...pad()] : undefined,
      output_padding: extra,
      output_shape: way === 'output_shape' ? full.map((most) => Math.max(1, most - draw.int(0, 2))) : undefined,
    },
  };
};

const averagePool: Generate = (draw) => {
  const { size, attributes, ceil_mode } = poolGeometry(draw, false);
  return {
    inputs: [draw.watched([draw.int(1, 2), draw.int(1, 2), ...size])],
    attributes: {
      ...attributes,
      dilations: undefined,
      ceil_mode: draw.optional(ceil_mode),
      count_include_pad: draw.optional(draw.int(0, 1)),
    },
  };
};

const maxPool: Generate = (draw) => {
  const outputs = draw.int(1, 2);
  const { size, attributes, ceil_mode } = poolGeometry(draw, true);
  return {
    inputs: [{ ...draw.distinct([draw.int(1, 2), draw.int(1, 2), ...size]), role: 'watched' }],
    attributes: {
      ...attributes,
      ceil_mode: draw.optional(ceil_mode),
      storage_order: outputs > 1 ? draw.optional(0) : draw.optional(draw.int(0, 1)),
    },
    outputs,
  };
};

const globalShape = (draw: Draw): number[] => [2, draw.int(1, 3), ...draw.shape(1, 2)];

export const windows = {
  AveragePool: averagePool,
  Conv: conv,
  ConvTranspose: convTranspose,
  GlobalAveragePool: (draw) => ({ inputs: [draw.watched(globalShape(draw))] }),
  GlobalMaxPool: (draw) => ({ inputs: [{ ...draw.distinct(globalShape(draw)), role: 'watched' }] }),
  MaxPool: maxPool,
} satisfies Record<string, Generate>;
