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

export const elementwise = {
  Abs: offZero,
  Add: two((draw) => draw.normal),
  And: truths(2),
  Cast: cast,
  Clip: clip,
  Div: two((draw) => () => (draw.maybe() ? 1 : -1) * draw.positive()),
  Equal: compare,
  Erf: any,
  Exp: any,
  Floor: any,
  Greater: compare,
  GreaterOrEqual: compare,
  HardSigmoid: hardSigmoid,
  Identity: any,
  LeakyRelu: (draw) => ({ ...offZero(draw), attributes: { alpha: draw.optional(0.3) } }),
  Less: compare,
  LessOrEqual: compare,
  Log: positive,
  Max: extreme,
  Mean: numbers,
  Min: extreme,
  Mul: two((draw) => draw.normal),
  Neg: any,
  Not: truths(1),
  Or: truths(2),
  Pow: pow,
  Reciprocal: positive,
  Relu: offZero,
  Sigmoid: any,
  Sign: offZero,
  Softplus: any,
  Sqrt: positive,
  Sub: two((draw) => draw.normal),
  Sum: numbers,
  Tanh: any,
  Where: where,
} satisfies Record<string, Generate>;
