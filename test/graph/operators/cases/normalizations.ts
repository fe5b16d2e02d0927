/** Cases of normalizations. */
import type { Draw, Generate } from './draw.js';

const image = (draw: Draw): number[] => [draw.int(1, 3), draw.int(1, 3), ...draw.shape(0, 2)];

const batchNormalization: Generate = (draw) => {
  const shape = image(draw);
  const vector = (value = draw.normal) => draw.tensor([shape[1]!], value);
  return {
    inputs: [draw.tensor(shape), vector(), vector(), vector(), vector(draw.positive)],
    attributes: { epsilon: draw.optional(0.1), momentum: draw.optional(0.9), training_mode: draw.optional(0) },
  };
};

/** Not so few values that their deviation may be near 0, where the function bends. */
const instanceNormalization: Generate = (draw) => {
  const channels = draw.int(1, 3);
  const spatial = draw.pick([[4], [5], [7], [2, 3], [4, 2], [2, 2, 2]]);
  const vector = () => draw.tensor([channels]);
  return {
    inputs: [draw.tensor([draw.int(1, 2), channels, ...spatial], () => 2 * draw.normal()), vector(), vector()],
    attributes: { epsilon: draw.pick([0.5, 0.2]) },
  };
};

const layerNormalization: Generate = (draw) => {
  const shape = [...draw.shape(0, 2), draw.int(3, 5)];
  const axis = draw.optional(draw.axis(shape.length));
  const normalized = shape.slice((axis ?? -1) < 0 ? shape.length + (axis ?? -1) : axis);
  const broadcast = () => normalized.slice(draw.maybe(0.7) ? 0 : draw.int(0, normalized.length - 1));
  return {
    inputs: [
      draw.tensor(shape, () => 2 * draw.normal()),
      draw.tensor(broadcast()),
      ...(draw.maybe(0.7) ? [draw.tensor(broadcast())] : []),
    ],
    attributes: { axis, epsilon: draw.pick([0.5, 0.2]), stash_type: draw.optional(1) },
    outputs: draw.int(1, 3),
  };
};

const lpNormalization: Generate = (draw) => {
  const shape = draw.shape(1);
  return {
    inputs: [draw.watched(shape, () => draw.pick([-1, 1]) * draw.positive())],
    attributes: { axis: draw.optional(draw.axis(shape.length)), p: draw.optional(draw.int(1, 2)) },
  };
};

const lrn: Generate = (draw) => ({
  inputs: [draw.watched([draw.int(1, 2), draw.int(1, 5), draw.int(1, 2), draw.int(1, 2)])],
  attributes: {
    alpha: draw.optional(0.5),
    beta: draw.optional(0.6),
    bias: draw.optional(1.5),
    size: draw.pick([1, 3, 5]),
  },
});

export const normalizations = {
  BatchNormalization: batchNormalization,
  InstanceNormalization: instanceNormalization,
  LRN: lrn,
  LayerNormalization: layerNormalization,
  LpNormalization: lpNormalization,
} satisfies Record<string, Generate>;
