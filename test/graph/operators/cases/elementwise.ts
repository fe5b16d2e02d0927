/** Cases of element-wise operators. */
import type { Case, CaseInput, Draw, Generate } from './draw.js';

const one =
  (value: (draw: Draw) => () => number): Generate =>
  (draw) => ({ inputs: [draw.tensor(draw.shape(), value(draw))] });

const any = one((draw) => draw.normal);
const positive = one((draw) => draw.positive);
const offZero = one((draw) => draw.offZero);

/** Two inputs that are broadcast, or one used twice. */
const two =
  (value: (draw: Draw) => () => number): Generate =>
  (draw) => {
    const tensors = draw.broadcast(2).map((shape) => draw.tensor(shape, value(draw)));
    return { inputs: draw.maybe(0.2) ? [{ ...tensors[0]!, role: 'watched' }, 0] : tensors };
  };

const compare: Generate = (draw) => ({
  inputs: draw.broadcast(2).map((shape) => draw.watched(shape, () => draw.int(0, 2))),
});

const several =
  (tensor: (draw: Draw, shape: number[], i: number) => Case['inputs'][0]): Generate =>
  (draw) => ({ inputs: draw.broadcast(draw.int(1, 3)).map((shape, i) => tensor(draw, shape, i)) });
const numbers = several((draw, shape) => draw.tensor(shape));
const extreme = several((draw, shape, i) => draw.distinct(shape, i));

/** Of any base to a constant whole power, or of positive ones to any. */
const pow: Generate = (draw) => {
  const [a, b] = draw.broadcast(2) as [number[], number[]];
  if (draw.maybe(0.4)) return { inputs: [draw.watched(a), draw.constant('float32', b, () => draw.int(0, 3))] };
  return { inputs: [draw.tensor(a, draw.positive), draw.tensor(b)] };
};

const clip: Generate = (draw) => {
  const [low, high] = [draw.maybe() ? -0.6 : null, draw.maybe() ? 0.7 : null];
  const bound = (at: number): CaseInput => {
    const known = draw.constant('float32', [], () => at);
    return draw.maybe() ? known : { ...known, role: 'fed' };
  };
  const x = draw.watched(draw.shape(), () => draw.off([-0.6, 0.7]));
  const bounds = [low, high].map((at) => (at === null ? null : bound(at)));
  return { inputs: [x, ...(high === null ? bounds.slice(0, low === null ? 0 : 1) : bounds)] };
};

const hardSigmoid: Generate = (draw) => {
  const [alpha, beta] = [draw.pick([0.2, 0.5, 1]), draw.pick([0.5, 0.3])];
  const isDefault = draw.maybe(0.3);
  const [slope, shift] = isDefault ? [0.2, 0.5] : [alpha, beta];
  const x = draw.tensor(draw.shape(), () => draw.off([-shift / slope, (1 - shift) / slope], 2 * draw.normal()));
  return { inputs: [x], attributes: isDefault ? {} : { alpha, beta } };
};

const where: Generate = (draw) => {
  const [condition, a, b] = draw.broadcast(3) as [number[], number[], number[]];
  return { inputs: [draw.truths(condition), draw.tensor(a), draw.tensor(b)] };
};

const cast: Generate = (draw) => ({
  inputs: [draw.watched(draw.shape(), draw.offZero)],
  attributes: { to: draw.pick(['float32', 'float32', 'int32', 'int64', 'bool', 'uint8']) },
});

const truths =
  (count: number): Generate =>
  (draw) => ({ inputs: draw.broadcast(count).map((shape) => draw.truths(shape)) });

/** Values that are off the places where the function bends, by attributes some of which have their defaults. */
const bent =
  (defaults: Record<string, number>, places: (values: Record<string, number>) => number[], scale = 1): Generate =>
  (draw) => {
    const chosen = Object.entries(defaults).map(([name, value]) => [
      name,
      draw.optional(value * draw.pick([0.5, 1.5])),
    ]);
    const attributes = Object.fromEntries(chosen) as Record<string, number | undefined>;
    const values = Object.fromEntries(
      Object.entries(defaults).map(([name, value]) => [name, attributes[name] ?? value]),
    );
    const value = () => draw.off(places(values), scale * draw.normal());
    return { inputs: [draw.tensor(draw.shape(), value)], attributes };
  };

/** A slope for each element, for each channel, for all. */
const pRelu: Generate = (draw) => {
  const shape = draw.shape(1);
  const slope = shape.slice(draw.int(0, shape.length)).map((dim) => (draw.maybe(0.4) ? 1 : dim));
  return { inputs: [draw.tensor(shape, draw.offZero), draw.tensor(slope)] };
};

/** Away from the jumps, where a is a multiple of b. */
const mod: Generate = (draw) => {
  const [a, b] = draw.broadcast(2) as [number[], number[]];
  if (draw.maybe(0.3)) {
    const whole = (shape: number[], low: number) => draw.constant('int64', shape, () => draw.int(low, 9));
    return { inputs: [whole(a, -9), whole(b, 1)], attributes: { fmod: draw.optional(draw.int(0, 1)) } };
  }
  const size = draw.pick([2, 0.5]);
  const sign = () => draw.pick([1, -1]);
  const far = () => size * (draw.int(0, 2) + draw.pick([0.3, 0.5, 0.6]));
  return {
    inputs: [draw.tensor(a, () => sign() * far()), draw.tensor(b, () => sign() * size)],
    attributes: { fmod: 1 },
  };
};

const bitShift: Generate = (draw) => {
  const [a, b] = draw.broadcast(2) as [number[], number[]];
  return {
    inputs: [draw.constant('uint8', a, () => draw.int(0, 255)), draw.constant('uint8', b, () => draw.int(0, 7))],
    attributes: { direction: draw.pick(['LEFT', 'RIGHT']) },
  };
};

export const elementwise = {
  Abs: offZero,
  Add: two((draw) => draw.normal),
  And: truths(2),
  BitShift: bitShift,
  Cast: cast,
  Ceil: any,
  Clip: clip,
  Cos: any,
  Div: two((draw) => () => (draw.maybe() ? 1 : -1) * draw.positive()),
  Elu: bent({ alpha: 1 }, () => [0]),
  Equal: compare,
  Erf: any,
  Exp: any,
  Floor: any,
  Greater: compare,
  GreaterOrEqual: compare,
  HardSigmoid: hardSigmoid,
  HardSwish: bent({}, () => [-3, 3], 2.5),
  Identity: any,
  LeakyRelu: (draw) => ({ ...offZero(draw), attributes: { alpha: draw.optional(0.3) } }),
  Less: compare,
  LessOrEqual: compare,
  Log: positive,
  Max: extreme,
  Mean: numbers,
  Min: extreme,
  Mish: any,
  Mod: mod,
  Mul: two((draw) => draw.normal),
  Neg: any,
  Not: truths(1),
  Or: truths(2),
  PRelu: pRelu,
  Pow: pow,
  Reciprocal: positive,
  Relu: offZero,
  Round: any,
  Selu: bent({ alpha: 1.67326, gamma: 1.0507 }, () => [0]),
  Sigmoid: any,
  Sign: offZero,
  Sin: any,
  Softplus: any,
  Softsign: offZero,
  Sqrt: positive,
  Sub: two((draw) => draw.normal),
  Sum: numbers,
  Tanh: any,
  ThresholdedRelu: bent({ alpha: 1 }, ({ alpha }) => [alpha!]),
  Where: where,
} satisfies Record<string, Generate>;
