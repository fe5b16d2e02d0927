/** Convolution and pooling over [N, C, H, W]. */
import type { Conv } from '../lowerings/conv.js';
import { convGradients } from '../lowerings/conv.js';
import { convStrategies, largestColumns } from '../lowerings/conv-strategies.js';
import type { PoolGeometry } from '../lowerings/pool.js';
import { maskMaxima, scatterMaxima, shareMeans } from '../lowerings/pool.js';
import { inFloat32 } from '../lowerings/sums.js';
import type { Pair } from '../lowerings/windows.js';
import type { OperatorName } from '../onnx/names.js';
import type { Value } from '../onnx/nodes.js';
import { fixed } from '../onnx/nodes.js';
import type { Attributes, Dim } from '../onnx/types.js';
import { showShape } from '../onnx/types.js';
import type { Call, GradientRule, Operator, OperatorInput, OperatorInputs, ShapeRule } from './operator.js';
import { fail, input, int, ints, known, sameType } from './operator.js';
import { slide, spatial } from './sliding.js';

/** @throws Error for a window of nothing but padding, which has no maximum and no mean */
function requireElements(sizes: readonly number[], extent: readonly number[], attributes: Attributes): void {
  const { kernel, strides, pads, dilations } = spatial(attributes);
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
  const out = [...shape.slice(0, 2), ...extent];
  return [{ dtype, shape: out }, ...(outputs > 1 ? [{ dtype: 'int64' as const, shape: out }] : [])];
};

/** The kernel that a weight has. @throws Error when `kernel_shape` says another */
const kernelOf = ({ shape }: OperatorInput, attributes: Attributes): number[] => {
  const kernel = shape.slice(2).map(known);
  const wanted = ints(attributes, 'kernel_shape', kernel);
  return wanted.join() === kernel.join()
    ? kernel
    : fail(`weight ${showShape(shape)} has no kernel ${showShape(wanted)}`);
};

const requireBias = (inputs: OperatorInputs, filters: Dim): void => {
  const bias = inputs[2]?.shape ?? [filters];
  if (showShape(bias) !== showShape([filters])) fail(`bias ${showShape(bias)} does not fit ${filters} filters`);
};

const conv: ShapeRule = (inputs, attributes) => {
  const [x, w] = [input(inputs, 0), input(inputs, 1)];
  const group = int(attributes, 'group', 1);
  if (x.shape[1] !== known(w.shape[1]) * group) {
    fail(
      `input ${showShape(x.shape)} has ${x.shape[1]} channels, weight ${showShape(w.shape)} wants ${known(w.shape[1]) * group}`,
    );
  }
  if (known(w.shape[0]) % group) fail(`${w.shape[0]} filters are no multiple of ${group} groups`);
  requireBias(inputs, w.shape[0]!);
  const kernel_shape = kernelOf(w, attributes);
  const dtype = sameType(inputs);
  return [{ dtype, shape: [x.shape[0]!, w.shape[0]!, ...slide(x.shape, { ...attributes, kernel_shape })] }];
};

const convTranspose: ShapeRule = (inputs, attributes) => {
  const [x, w] = [input(inputs, 0), input(inputs, 1)];
  if (x.shape[1] !== w.shape[0]) {
    fail(`input ${showShape(x.shape)} has ${x.shape[1]} channels, weight ${showShape(w.shape)} wants ${w.shape[0]}`);
  }
  const group = int(attributes, 'group', 1);
  if (known(w.shape[0]) % group) fail(`${w.shape[0]} channels are no multiple of ${group} groups`);
  const filters = known(w.shape[1]) * group;
  requireBias(inputs, filters);
  const kernel_shape = kernelOf(w, attributes);
  const { kernel, strides, pads, dilations } = spatial({ ...attributes, kernel_shape });
  if (x.shape.length !== kernel.length + 2) fail(`kernel ${showShape(kernel)} does not fit ${showShape(x.shape)}`);
  const extra = ints(
    attributes,
    'output_padding',
    kernel.map(() => 0),
  );
  const sizes = x.shape.slice(2).map((size, i) => {
    const span = (kernel[i]! - 1) * dilations[i]! + 1;
    return (known(size) - 1) * strides[i]! + span + extra[i]! - pads[i]! - pads[i + kernel.length]!;
  });
  return [{ dtype: sameType(inputs), shape: [x.shape[0]!, filters, ...sizes] }];
};

const windowAttributes = {
  auto_pad: 'string',
  kernel_shape: 'ints',
  strides: 'ints',
  pads: 'ints',
} as const;
const dilatedAttributes = { ...windowAttributes, dilations: 'ints' } as const;

/** Window attributes of two spatial axes. @throws Error for what has no rule */
function plane({ x, attributes }: Call, kernelShape?: readonly number[]) {
  const all = spatial({ ...attributes, ...(kernelShape && { kernel_shape: kernelShape }) });
  if (all.kernel.length !== 2) fail(`no rule for ${all.kernel.length} spatial axes; only for 2`);
  const [top, left, bottom, right] = all.pads as [number, number, number, number];
  const [, , height, width] = fixed(x[0]!.shape) as [number, number, number, number];
  return {
    kernel: all.kernel as Pair,
    stride: all.strides as Pair,
    dilation: all.dilations as Pair,
    padding: [top, left] as Pair,
    behind: [bottom, right] as Pair,
    size: [height, width] as Pair,
  };
}

const convGradient: GradientRule = (call) => {
  const { g, x: inputs, y, dy, attributes } = call;
  const [x, weight, bias = null] = inputs;
  const [filters, , ...kernel] = fixed(weight!.shape) as [number, ...number[]];
  const [, , height, width] = fixed(y.shape) as [number, number, number, number];
  const [batch, channels] = fixed(x!.shape) as [number, number];
  const shape = {
    ...{ batch, channels, filters, groups: int(attributes, 'group', 1) },
    ...plane(call, kernel),
    extent: [height, width] as Pair,
  };
  const c: Conv = { g, x: x!, weight: weight!, bias, ...shape, layout: 'NCHW', largestColumns };
  let gradients: ReturnType<typeof convGradients> | undefined;
  const of = (i: number) => () =>
    (gradients ??= convGradients(c, convStrategies(g.provider, shape, g.deterministic), dy))[i]!;
  return inputs.map((_, i) => of(i));
};

/**
 * By comparing with the maxima. Those of float16 are found anew in float32: where ONNX Runtime computes float16 in float32, some
 * values are rounded and others are not.
 */
function comparedMaxima(call: Call): Value {
  const { g, x, y, dy, attributes } = call;
  const image = x[0]!;
  if (image.dtype === 'float32') return maskMaxima(g, image, y, dy, poolGeometry(call));
  const wide = g.op('Cast', [image], { to: 'float32' });
  const largest = g.op('MaxPool', [wide], attributes);
  return inFloat32(g, dy, (slopes) => maskMaxima(g, wide, largest, slopes, poolGeometry(call)));
}

/** @throws Error for windows that have no rule */
function poolGeometry(call: Call): PoolGeometry {
  const { dilation, ...geometry } = plane(call);
  if (dilation.some((step) => step > 1)) fail('no rule for dilations');
  return geometry;
}

export const windows = {
  /** Each element of a window gets an equal share of dy. */
  AveragePool: {
    inputs: [1, 1],
    shape: pool,
    attributes: { ...windowAttributes, ceil_mode: 'int', count_include_pad: 'int' },
    gradient: (call) => {
      const { g, x, dy, attributes } = call;
      if (attributes['ceil_mode']) fail('no rule for ceil_mode');
      const countsPadding = int(attributes, 'count_include_pad', 0) === 1;
      return [() => shareMeans(g, x[0]!, dy, poolGeometry(call), countsPadding)];
    },
  },
  /** By the lowerings of `lowerings/conv.ts`. */
  Conv: {
    inputs: [2, 3],
    shape: conv,
    attributes: { ...dilatedAttributes, group: 'int' },
    gradient: convGradient,
  },
  ConvTranspose: {
    inputs: [2, 3],
    shape: convTranspose,
    attributes: { ...dilatedAttributes, group: 'int', output_padding: 'ints' },
    gradient: { none: 'nothing here has needed one yet' },
  },
  GlobalAveragePool: {
    inputs: [1, 1],
    shape: (inputs) => {
      const { dtype, shape } = input(inputs, 0);
      return [{ dtype, shape: shape.map((dim, i) => (i < 2 ? dim : 1)) }];
    },
    attributes: {},
    gradient: ({ g, dy, x: [image] }) => [
      () => {
        const shape = fixed(image!.shape);
        const count = shape.slice(2).reduce((a, b) => a * b, 1);
        return g.op('Expand', [g.op('Mul', [dy, g.scalar(1 / count, dy.dtype)]), g.ints(shape)]);
      },
    ],
  },
  /** dy goes to the first maximum of each window: by its second output where the node has that, else by comparing. */
  MaxPool: {
    inputs: [1, 1],
    shape: pool,
    attributes: { ...dilatedAttributes, ceil_mode: 'int' },
    gradient: (call) => {
      const { g, x, dy, outputs } = call;
      const [image, indices] = [x[0]!, outputs[1]];
      return [() => (indices ? scatterMaxima(g, image, indices, dy) : comparedMaxima(call))];
    },
  },
} satisfies Partial<Record<OperatorName, Operator>>;
