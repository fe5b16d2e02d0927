/** Cases of interpolation. */
import type { CaseInput, Draw, Generate } from './draw.js';

const coordinates = ['align_corners', 'asymmetric', 'half_pixel', 'pytorch_half_pixel'];
const roundings = ['ceil', 'floor', 'round_prefer_ceil', 'round_prefer_floor'];

/** By scales or by sizes, larger and smaller, of all axes or of those that are named. */
const resize: Generate = (draw) => {
  const mode = draw.pick(['nearest', 'linear', 'cubic']);
  const shape = [1, draw.int(1, 2), draw.int(1, 4), draw.int(2, 4)];
  const hasAxes = draw.maybe();
  const to = [draw.int(1, 7), draw.int(1, 7)];
  const bySizes = draw.maybe();
  const [sizes, scales] = [to, to.map((size, i) => size / shape[2 + i]!)];
  const floats = (values: number[]): CaseInput => ({
    role: 'constant',
    dtype: 'float32',
    shape: [values.length],
    values,
  });
  const given = bySizes
    ? [null, draw.ints([...(hasAxes ? [] : shape.slice(0, 2)), ...sizes])]
    : [floats([...(hasAxes ? [] : [1, 1]), ...scales.map((scale) => scale + 0.01)])];
  const antialias = mode !== 'nearest' && draw.maybe(0.3) ? 1 : draw.optional(0);
  return {
    inputs: [draw.watched(shape), draw.maybe() ? null : floats([]), ...given],
    attributes: {
      mode: mode === 'nearest' ? draw.optional(mode) : mode,
      antialias,
      axes: hasAxes ? axesOf(draw) : undefined,
      coordinate_transformation_mode: draw.optional(draw.pick(coordinates)),
      cubic_coeff_a: draw.optional(-0.5),
      exclude_outside: mode === 'cubic' ? draw.optional(draw.int(0, 1)) : undefined,
      nearest_mode: draw.optional(draw.pick(roundings)),
    },
  };
};

const axesOf = (draw: Draw): number[] =>
  draw.pick([
    [2, 3],
    [-2, -1],
  ]);

export const resizes = { Resize: resize } satisfies Record<string, Generate>;
