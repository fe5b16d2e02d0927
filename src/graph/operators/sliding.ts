/** Shapes of windows that slide over the spatial axes. */
import type { Attributes, Dim, Shape } from '../onnx/types.js';
import { showShape } from '../onnx/types.js';
import { fail, ints, known } from './operator.js';

/** kernel_shape, strides, pads and dilations with their defaults. @throws Error for others than the kernel's rank has */
export const spatial = (attributes: Attributes) => {
  const kernel = ints(attributes, 'kernel_shape', []);
  const rank = kernel.length;
  if ((attributes['auto_pad'] ?? 'NOTSET') !== 'NOTSET') fail('auto_pad is not supported; give pads');
  const list = (name: string, length: number, otherwise: number) => {
    const found = ints(attributes, name, Array<number>(length).fill(otherwise));
    return found.length === length ? found : fail(`${name} [${found.join()}] do not fit kernel ${showShape(kernel)}`);
  };
  return {
    kernel,
    strides: list('strides', rank, 1),
    pads: list('pads', 2 * rank, 0),
    dilations: list('dilations', rank, 1),
  };
};

/** Extent of a window slid over `size` elements with `pads` around them. */
export function slidingExtent(size: number, kernel: number, stride: number, pads: number): number {
  const extent = Math.floor((size + pads - kernel) / stride) + 1;
  return extent > 0 ? extent : fail(`a window of ${kernel} does not fit into ${size} + ${pads} elements`);
}

/**
 * The same in pooling's ceil_mode: with a last window that hangs over the end.
 *
 * @throws Error when that would begin behind the image: ONNX Runtime leaves it out when it runs, but counts it when it plans
 */
function ceilExtent(size: number, kernel: number, stride: number, [before, behind]: readonly [number, number]): number {
  const extent = slidingExtent(size, kernel, stride, before + behind + stride - 1);
  if ((extent - 1) * stride < size + before) return extent;
  return fail(
    `in ceil_mode the last window of ${kernel} begins behind ${before} + ${size} elements; leave ceil_mode out`,
  );
}

/** Spatial axes after a window has slid over those of [N, C, ...]. */
export const slide = (shape: Shape, attributes: Attributes): Dim[] => {
  const { kernel, strides, pads, dilations } = spatial(attributes);
  const sizes = shape.slice(2);
  if (sizes.length !== kernel.length) fail(`kernel ${showShape(kernel)} does not fit input ${showShape(shape)}`);
  return sizes.map((size, i) => {
    const span = (kernel[i]! - 1) * dilations[i]! + 1;
    const around = [pads[i]!, pads[i + kernel.length]!] as const;
    if (attributes['ceil_mode']) return ceilExtent(known(size), span, strides[i]!, around);
    return slidingExtent(known(size), span, strides[i]!, around[0] + around[1]);
  });
};
