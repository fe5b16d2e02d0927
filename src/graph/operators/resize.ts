/** Interpolation between elements. */
import type { Extents, Interpolation } from '../lowerings/interpolation.js';
import { interpolationMatrix, kernels, places, roundings } from '../lowerings/interpolation.js';
import { reverseAlong } from '../lowerings/axes.js';
import type { OperatorName } from '../onnx/names.js';
import type { Attributes, Dim } from '../onnx/types.js';
import type { Operator, OperatorInputs } from './operator.js';
import { axesOf, constant, fail, input, int, ints, known } from './operator.js';

const oneOf = (name: string, value: string, table: object, besides: readonly string[] = []): string =>
  Object.hasOwn(table, value) || besides.includes(value)
    ? value
    : fail(`${name} is ${value}; supported: ${[...besides, ...Object.keys(table)].join(', ')}`);

function interpolationOf(attributes: Attributes): Interpolation {
  const text = (name: string, otherwise: string) => (attributes[name] as string | undefined) ?? otherwise;
  if (text('keep_aspect_ratio_policy', 'stretch') !== 'stretch')
    fail('keep_aspect_ratio_policy is not stretch; give the sizes that it comes to');
  return {
    mode: oneOf('mode', text('mode', 'nearest'), kernels, ['nearest']),
    coordinates: oneOf('coordinate_transformation_mode', text('coordinate_transformation_mode', 'half_pixel'), places),
    nearest: oneOf('nearest_mode', text('nearest_mode', 'round_prefer_floor'), roundings),
    antialias: int(attributes, 'antialias', 0) === 1,
    excludeOutside: int(attributes, 'exclude_outside', 0) === 1,
    cubic: (attributes['cubic_coeff_a'] as number | undefined) ?? -0.75,
  };
}

interface Resized extends Extents {
  axis: number;
}

/** The axes that are named, and by how much: from scales, or from sizes. */
function resizedAxes(inputs: OperatorInputs, attributes: Attributes): Resized[] {
  const { shape } = input(inputs, 0);
  const axes = axesOf(
    ints(
      attributes,
      'axes',
      shape.map((_, i) => i),
    ),
    shape.length,
  );
  const list = (index: number) => (inputs[index] && inputs[index].shape[0] !== 0 ? constant(inputs, index) : undefined);
  const [scales, sizes] = [list(2), list(3)];
  const given = scales ?? sizes;
  if (!given || (scales && sizes)) return fail('either scales or sizes must be given');
  if (given.length !== axes.length) fail(`${given.length} ${scales ? 'scales' : 'sizes'} for ${axes.length} axes`);
  return axes.flatMap((axis, i) => {
    if (given[i] === (scales ? 1 : shape[axis])) return [];
    const from = known(shape[axis]);
    const to = scales ? Math.floor(Math.fround(from * Math.fround(scales[i]!))) : given[i]!;
    return to > 0
      ? { axis, from, to, scale: scales ? scales[i]! : to / from }
      : fail(`nothing is left of axis ${axis}`);
  });
}

export const resizes = {
  /** Along each axis a product with a matrix of weights: its reverse is one with the transposed. */
  Resize: {
    inputs: [1, 4],
    shape: (inputs, attributes) => {
      interpolationOf(attributes);
      const { dtype, shape } = input(inputs, 0);
      const out: Dim[] = [...shape];
      for (const { axis, to } of resizedAxes(inputs, attributes)) out[axis] = to;
      return [{ dtype, shape: out }];
    },
    attributes: {
      antialias: 'int',
      axes: 'ints',
      coordinate_transformation_mode: 'string',
      cubic_coeff_a: 'float',
      exclude_outside: 'int',
      extrapolation_value: 'float',
      keep_aspect_ratio_policy: 'string',
      mode: 'string',
      nearest_mode: 'string',
    },
    gradient: ({ g, dy, x, attributes }) => [
      () => {
        const how = interpolationOf(attributes);
        const all = resizedAxes(x, attributes);
        // Whatever the scales are, ONNX Runtime copies what keeps its shape; by antialias, each axis that keeps its size.
        const moved = all.filter(({ from, to }) => from !== to);
        return (how.antialias || !moved.length ? moved : all).reduceRight(
          (slopes, resized) => reverseAlong(g, slopes, resized.axis, interpolationMatrix(resized, how)),
          dy,
        );
      },
      null,
      null,
      null,
    ],
  },
} satisfies Partial<Record<OperatorName, Operator>>;
