/**
 * What ONNX's Resize does along one axis, as a matrix. https://onnx.ai/onnx/operators/onnx__Resize.html
 *
 * Places are rounded to float32 after each operation, as ONNX Runtime does: where a place is half-way between two elements, the nearest
 * one depends on it.
 */
import type { AxisMatrix } from './axes.js';
import { axisMatrix } from './axes.js';

export interface Interpolation {
  mode: string;
  coordinates: string;
  nearest: string;
  antialias: boolean;
  excludeOutside: boolean;
  /** Of cubic weights; -0.75 is PyTorch's. */
  cubic: number;
}

export interface Extents {
  from: number;
  to: number;
  /** What the place of an output is divided by. */
  scale: number;
}

const f = Math.fround;
const halfPixel = (i: number, { scale }: Extents): number => f(f(f(i + 0.5) / f(scale)) - 0.5);

/** The place among the inputs that an output lies at, by coordinate_transformation_mode. */
export const places: Readonly<Record<string, (i: number, extents: Extents) => number>> = {
  align_corners: (i, { from, to }) => (to === 1 ? 0 : f(f(i * (from - 1)) / (to - 1))),
  asymmetric: (i, { scale }) => f(i / f(scale)),
  half_pixel: halfPixel,
  pytorch_half_pixel: (i, extents) => (extents.to === 1 ? 0 : halfPixel(i, extents)),
};

/** The nearest element, by nearest_mode. */
export const roundings: Readonly<Record<string, (place: number) => number>> = {
  ceil: Math.ceil,
  floor: Math.floor,
  round_prefer_ceil: (place) => Math.floor(place + 0.5),
  round_prefer_floor: (place) => Math.ceil(place - 0.5),
};

const linear = (distance: number): number => Math.max(0, 1 - Math.abs(distance));

/** Keys's kernel. */
const cubicOf =
  (a: number) =>
  (distance: number): number => {
    const d = Math.abs(distance);
    if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
    return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
  };

/** Weight by distance, and the distance from which on it is 0, by mode. */
export const kernels: Readonly<Record<string, (a: number) => { weight: (distance: number) => number; reach: number }>> =
  {
    cubic: (a) => ({ weight: cubicOf(a), reach: 2 }),
    linear: () => ({ weight: linear, reach: 1 }),
  };

/** @returns a row for each output, whose weights add up to 1 */
export function interpolationMatrix(extents: Extents, how: Interpolation): AxisMatrix {
  const { from, to, scale } = extents;
  const clamp = (at: number) => Math.min(Math.max(at, 0), from - 1);
  const place = places[how.coordinates]!;
  if (how.mode === 'nearest') {
    const round = roundings[how.nearest]!;
    return axisMatrix(to, from, (i, add) => add(clamp(round(place(i, extents))), 1));
  }
  const { weight, reach } = kernels[how.mode]!(how.cubic);
  // A smaller image by antialias: the kernel is as much wider as elements lie closer.
  const width = how.antialias && scale < 1 ? 1 / scale : 1;
  return axisMatrix(to, from, (i, add) => {
    const at = how.mode === 'linear' && !how.antialias ? clamp(place(i, extents)) : place(i, extents);
    const taps: [number, number][] = [];
    for (let tap = Math.ceil(at - reach * width); tap <= at + reach * width; tap++) {
      const isOutside = tap < 0 || tap >= from;
      if (!(isOutside && how.excludeOutside)) taps.push([clamp(tap), weight((tap - at) / width)]);
    }
    const total = taps.reduce((sum, [, share]) => sum + share, 0);
    for (const [tap, share] of taps) add(tap, share / total);
  });
}
