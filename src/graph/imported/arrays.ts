/** What the rules of `evaluate.ts` are made of: arrays by their shapes, row-major. */
import type { Dim } from '../onnx/types.js';
import { elementCount } from '../onnx/types.js';
import { broadcast } from '../operators/operator.js';
import type { Element, Tensor } from './tensors.js';

/** More is not computed when the graph is built, but in it. */
export const mostElements = 2 ** 22;

export const tensor = (dtype: Tensor['dtype'], shape: readonly number[], data: ArrayLike<Element>): Tensor => ({
  ...{ dtype, shape, data },
});

/** @throws Error for more elements than are computed when the graph is built */
export function requireFew(count: number): void {
  if (count > mostElements)
    throw new Error(`it makes ${count} elements, more than the ${mostElements} that are computed beforehand`);
}

/** How far apart neighbors along each axis lie. */
export function strides(shape: readonly number[]): number[] {
  const steps = Array<number>(shape.length).fill(1);
  for (let i = shape.length - 2; i >= 0; i--) steps[i] = steps[i + 1]! * shape[i + 1]!;
  return steps;
}

/** Values of a shape: what `at` gives for each place, in order. */
export function filled(shape: readonly number[], at: (place: readonly number[]) => Element): Element[] {
  const count = elementCount(shape);
  requireFew(count);
  const place = Array<number>(shape.length).fill(0);
  const data: Element[] = [];
  for (let i = 0; i < count; i++) {
    data.push(at(place));
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      place[axis]!++;
      if (place[axis]! < shape[axis]!) break;
      place[axis] = 0;
    }
  }
  return data;
}

/** The element at a place; negative places are none. */
export function element({ shape, data }: Tensor, place: readonly number[]): Element {
  const steps = strides(shape);
  return data[place.reduce((at, index, axis) => at + index * steps[axis]!, 0)]!;
}

/** The element for a place of a shape that this was broadcast to. */
export function broadcastElement(x: Tensor, place: readonly number[]): Element {
  const extra = place.length - x.shape.length;
  return element(
    x,
    x.shape.map((size, axis) => (size === 1 ? 0 : place[axis + extra]!)),
  );
}

export const broadcastShape = (tensors: readonly Tensor[]): number[] =>
  tensors.map(({ shape }) => shape as readonly Dim[]).reduce(broadcast) as number[];

/** @throws Error for what depends on the batch size */
export function numbers({ data }: Tensor): number[] {
  return Array.from(data, (one) => {
    if (typeof one === 'number') return one;
    throw new Error(`it computes with the batch size (${one})`);
  });
}
