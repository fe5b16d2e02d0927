/** Convolution over [N, C, ...], and its reverse. */
import type { Conv } from '../lowerings/conv.js';
import { convGradients, weightLowerings } from '../lowerings/conv.js';
import { convStrategies, largestColumns } from '../lowerings/conv-strategies.js';
import { inFloat32 } from '../lowerings/sums.js';
import type { OperatorName } from '../onnx/names.js';
import { fixed } from '../onnx/nodes.js';
import type { Attributes, Dim, Shape } from '../onnx/types.js';
import { showShape } from '../onnx/types.js';
import { reshaped } from './broadcasting.js';
import type { GradientRule, Operator, OperatorInput, OperatorInputs, ShapeRule } from './operator.js';
import { fail, input, int, ints, known, sameType } from './operator.js';
import { asPlane, halves, planeOf, slide, spanOf, spatial, windowOf } from './sliding.js';

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

/** What a window writes of each axis: by pads, or pads by output_shape or auto_pad. */
export function spread(sizes: Shape, attributes: Attributes) {
  const rank = sizes.length;
  const extra = ints(attributes, 'output_padding', Array<number>(rank).fill(0));
  const wanted = ints(attributes, 'output_shape', []).slice(-rank);
  const full = ({ kernel, strides, dilations }: Pick<ReturnType<typeof spatial>, 'kernel' | 'strides' | 'dilations'>) =>
    sizes.map((size, i) => (known(size) - 1) * strides[i]! + spanOf(kernel[i]!, dilations[i]!) + extra[i]!);
  const excess = (window: Parameters<typeof full>[0], extents: readonly number[]) =>
    full(window).map((most, i) =>
      most >= extents[i]!
        ? most - extents[i]!
        : fail(`axis ${i + 2} comes to ${most} elements, which are not ${extents[i]}`),
    );
  const window = windowOf(attributes, (bare) =>
    excess(bare, wanted.length ? wanted : sizes.map((size, i) => known(size) * bare.strides[i]!)),
  );
  const isLargerBehind = attributes['auto_pad'] === 'SAME_UPPER';
  const pads = wanted.length ? halves(excess(window, wanted), isLargerBehind) : window.pads;
  return { ...window, pads, extents: full(window).map((most, i) => most - pads[i]! - pads[i + rank]!) };
}

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
  if (x.shape.length !== kernel_shape.length + 2)
    fail(`kernel ${showShape(kernel_shape)} does not fit ${showShape(x.shape)}`);
  const { extents } = spread(x.shape.slice(2), { ...attributes, kernel_shape });
  return [{ dtype: sameType(inputs), shape: [x.shape[0]!, filters, ...extents] }];
};

const convGradient: GradientRule = (call) => {
  const { g, x: inputs, y, dy, attributes } = call;
  const [image, weight, bias = null] = inputs;
  const [filters, , ...kernel_shape] = fixed(weight!.shape) as [number, ...number[]];
  const [batch, channels, ...sizes] = fixed(image!.shape) as [number, number, ...number[]];
  const plane = planeOf(spatial({ ...attributes, kernel_shape }, sizes), sizes);
  const [height, width] = [1, ...fixed(y.shape.slice(2))].slice(-2) as [number, number];
  const shape = {
    ...{ batch, channels, filters, groups: int(attributes, 'group', 1) },
    ...plane,
    extent: [height, width] as const,
  };
  const [x, kernels, slopes] = [asPlane(g, image!), asPlane(g, weight!), asPlane(g, dy)];
  const c: Conv = { g, x, weight: kernels, bias, ...shape, layout: 'NCHW', largestColumns };
  let gradients: ReturnType<typeof convGradients> | undefined;
  const of = (i: number) => () =>
    (gradients ??= convGradients(c, convStrategies(g.provider, shape, g.deterministic), slopes))[i]!;
  const isLine = kernel_shape.length === 1;
  return inputs.map((value, i) => (isLine && i < 2 ? () => reshaped(g, of(i)(), value.shape) : of(i)));
};

/** dx is the convolution of dy; dw is that of a convolution from y to x, in which dy and x are in each other's place. */
const convTransposeGradient: GradientRule = ({ g, x: [x, weight, bias], y, dy, attributes }) => {
  const [channels, perGroup, ...kernel_shape] = fixed(weight!.shape) as [number, number, ...number[]];
  const [batch, , ...extents] = fixed(x!.shape) as [number, number, ...number[]];
  const [, , ...sizes] = fixed(y.shape) as [number, number, ...number[]];
  const window = spread(extents, { ...attributes, kernel_shape });
  const groups = int(attributes, 'group', 1);
  const dx = () =>
    g.op('Conv', [dy, weight!], {
      kernel_shape,
      strides: window.strides,
      pads: window.pads,
      dilations: window.dilations,
      group: groups > 1 ? groups : undefined,
    });
  const dw = () => {
    const plane = planeOf(window, sizes);
    const extent = [1, ...extents].slice(-2) as unknown as readonly [number, number];
    const shape = { batch, channels: perGroup * groups, filters: channels, groups, ...plane, extent };
    const c: Conv = {
      ...{ g, x: asPlane(g, dy), weight: asPlane(g, weight!), bias: null },
      ...{ ...shape, layout: 'NCHW', largestColumns },
    };
    const found = weightLowerings[convStrategies(g.provider, shape, g.deterministic).weight](c, asPlane(g, x!));
    return reshaped(g, found, weight!.shape);
  };
  const db = () => {
    const axes = g.ints([0, ...sizes.map((_, i) => i + 2)]);
    return inFloat32(g, dy, (slopes) => g.op('ReduceSum', [slopes, axes], { keepdims: 0 }));
  };
  return [dx, dw, ...(bias ? [db] : [])];
};

const attributes = {
  auto_pad: 'string',
  kernel_shape: 'ints',
  strides: 'ints',
  pads: 'ints',
  dilations: 'ints',
  group: 'int',
} as const;

export const convolutions = {
  /** By the lowerings of `lowerings/conv.ts`. */
  Conv: { inputs: [2, 3], shape: conv, attributes, gradient: convGradient },
  ConvTranspose: {
    inputs: [2, 3],
    shape: convTranspose,
    attributes: { ...attributes, output_padding: 'ints', output_shape: 'ints' },
    gradient: convTransposeGradient,
  },
} satisfies Partial<Record<OperatorName, Operator>>;
