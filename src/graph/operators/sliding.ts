/** Shapes of windows that slide over the spatial axes. */
import type { Pair } from '../lowerings/windows.js';
import type { Nodes, Value } from '../onnx/nodes.js';
import { fixed } from '../onnx/nodes.js';
import type { Attributes, Dim, Shape } from '../onnx/types.js';
import { showShape } from '../onnx/types.js';
import { reshaped } from './broadcasting.js';
import { fail, ints, known } from './operator.js';

/** What a window covers of an axis. */
export const spanOf = (kernel: number, dilation: number): number => (kernel - 1) * dilation + 1;

const isSame = ({ auto_pad }: Attributes): boolean => auto_pad === 'SAME_UPPER' || auto_pad === 'SAME_LOWER';

/** Padding in front of all axes, then behind them; of an odd number the larger half is where auto_pad says. */
export const halves = (totals: readonly number[], isLargerBehind: boolean): number[] => {
  const larger = totals.map((total) => Math.ceil(total / 2));
  const smaller = totals.map((total) => Math.floor(total / 2));
  return isLargerBehind ? [...smaller, ...larger] : [...larger, ...smaller];
};

/** Where auto_pad is: `pads` are as many as make an output of every `stride`-th place, or none. */
function autoPads(attributes: Attributes, totals: () => number[], rank: number): number[] | undefined {
  const kind = attributes['auto_pad'] ?? 'NOTSET';
  if (kind === 'NOTSET') return undefined;
  if (kind !== 'VALID' && !isSame(attributes))
    fail(`auto_pad is ${String(kind)}; wanted: NOTSET, SAME_UPPER, SAME_LOWER, VALID`);
  if (ints(attributes, 'pads', []).some((pad) => pad !== 0)) fail('it has pads and auto_pad; give one of them');
  return kind === 'VALID' ? Array<number>(2 * rank).fill(0) : halves(totals(), kind === 'SAME_UPPER');
}

/**
 * kernel_shape, strides, pads and dilations with their defaults.
 *
 * @param padded totals of padding by auto_pad, of both sides of each axis
 * @throws Error for others than the kernel's rank has
 */
export function windowOf(
  attributes: Attributes,
  padded: (window: { kernel: readonly number[]; strides: readonly number[]; dilations: readonly number[] }) => number[],
) {
  const kernel = ints(attributes, 'kernel_shape', []);
  const rank = kernel.length;
  const list = (name: string, length: number, otherwise: number) => {
    const found = ints(attributes, name, Array<number>(length).fill(otherwise));
    return found.length === length ? found : fail(`${name} [${found.join()}] do not fit kernel ${showShape(kernel)}`);
  };
  const window = { kernel, strides: list('strides', rank, 1), dilations: list('dilations', rank, 1) };
  return { ...window, pads: autoPads(attributes, () => padded(window), rank) ?? list('pads', 2 * rank, 0) };
}

/** Of a window that slides over axes of these sizes. @throws Error for others than the kernel's rank has */
export const spatial = (attributes: Attributes, sizes: Shape) =>
  windowOf(attributes, ({ kernel, strides, dilations }) =>
    sizes.map((size, i) => {
      const places = Math.ceil(known(size) / strides[i]!);
      return Math.max(0, (places - 1) * strides[i]! + spanOf(kernel[i]!, dilations[i]!) - known(size));
    }),
  );

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
  const sizes = shape.slice(2);
  const rank = ints(attributes, 'kernel_shape', []).length;
  if (sizes.length !== rank)
    fail(`kernel ${showShape(ints(attributes, 'kernel_shape', []))} does not fit input ${showShape(shape)}`);
  const { kernel, strides, pads, dilations } = spatial(attributes, sizes);
  if (isSame(attributes) && dilations.some((step) => step > 1))
    fail(
      `ONNX Runtime has no auto_pad ${String(attributes['auto_pad'])} with dilations; give pads [${pads.join(', ')}]`,
    );
  return sizes.map((size, i) => {
    const span = spanOf(kernel[i]!, dilations[i]!);
    const around = [pads[i]!, pads[i + kernel.length]!] as const;
    if (attributes['ceil_mode'] && !isSame(attributes)) return ceilExtent(known(size), span, strides[i]!, around);
    return slidingExtent(known(size), span, strides[i]!, around[0] + around[1]);
  });
};

/** A window over two axes, or over one, which is the second of two then. @throws Error for more, which have no rule */
export function planeOf({ kernel, strides, pads, dilations }: ReturnType<typeof spatial>, sizes: readonly number[]) {
  const rank = kernel.length;
  if (rank < 1 || rank > 2) fail(`no rule for ${rank} spatial axes; only for 1 and 2`);
  const two = (list: readonly number[], otherwise: number) => [otherwise, ...list].slice(-2) as unknown as Pair;
  return {
    kernel: two(kernel, 1),
    stride: two(strides, 1),
    dilation: two(dilations, 1),
    padding: two(pads.slice(0, rank), 0),
    behind: two(pads.slice(rank), 0),
    size: two(sizes, 1),
  };
}

/** [N, C, L] as [N, C, 1, L]; tracked as it is. */
export function asPlane(g: Nodes, x: Value): Value {
  if (x.shape.length !== 3) return x;
  const [batch, channels, length] = fixed(x.shape) as [number, number, number];
  return { ...reshaped(g, x, [batch, channels, 1, length]), tracked: x.tracked };
}
