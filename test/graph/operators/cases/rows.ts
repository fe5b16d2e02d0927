/** Cases of reductions, of functions of rows, of matrix products, and of picking by index. */
import type { CaseInput, Draw, Generate } from './draw.js';

const axesOf = (draw: Draw, rank: number): CaseInput[] => {
  if (rank === 0 || draw.maybe(0.2)) return draw.maybe() ? [] : [draw.ints([])];
  return [draw.ints(draw.axes(rank))];
};

const reduction =
  (tensor: (draw: Draw, shape: number[]) => CaseInput = (draw, shape) => draw.watched(shape)): Generate =>
  (draw) => {
    const shape = draw.shape();
    return {
      inputs: [tensor(draw, shape), ...axesOf(draw, shape.length)],
      attributes: { keepdims: draw.optional(draw.int(0, 1)), noop_with_empty_axes: draw.optional(draw.int(0, 1)) },
    };
  };
const distinct = reduction((draw, shape) => ({ ...draw.distinct(shape), role: 'watched' }));
const offZero = reduction((draw, shape) => draw.watched(shape, draw.offZero));

const alongAxis: Generate = (draw) => {
  const shape = draw.shape(1);
  return { inputs: [draw.watched(shape)], attributes: { axis: draw.optional(draw.axis(shape.length)) } };
};

const cumSum: Generate = (draw) => {
  const shape = draw.shape(1);
  const axis = draw.constant(draw.pick(['int32', 'int64']), [], () => draw.axis(shape.length));
  return {
    inputs: [draw.watched(shape), { ...axis, role: draw.pick(['constant', 'fed']) }],
    attributes: { exclusive: draw.optional(draw.int(0, 1)), reverse: draw.optional(draw.int(0, 1)) },
  };
};

const positive = reduction((draw, shape) => draw.watched(shape, draw.positive));

/** With zeros among them. */
const factors = reduction((draw, shape) => draw.watched(shape, () => (draw.maybe(0.2) ? 0 : draw.normal())));

/** Of maxima that are no ties. */
const hardmax: Generate = (draw) => {
  const shape = draw.shape(1);
  return {
    inputs: [{ ...draw.distinct(shape), role: 'watched' }],
    attributes: { axis: draw.optional(draw.axis(shape.length)) },
  };
};

const argMax: Generate = (draw) => {
  const shape = draw.shape(1);
  return {
    inputs: [draw.watched(shape, () => draw.int(0, 3))],
    attributes: {
      axis: draw.optional(draw.axis(shape.length)),
      keepdims: draw.optional(draw.int(0, 1)),
      select_last_index: draw.optional(draw.int(0, 1)),
    },
  };
};

const gemm: Generate = (draw) => {
  const [m, k, n] = [draw.int(1, 4), draw.int(1, 4), draw.int(1, 4)];
  const [transA, transB] = [draw.int(0, 1), draw.int(0, 1)];
  const c = draw.pick([undefined, [m, n], [n], [1], [], [m, 1], [1, n]]);
  return {
    inputs: [
      draw.tensor(transA ? [k, m] : [m, k]),
      draw.tensor(transB ? [n, k] : [k, n]),
      ...(c ? [draw.tensor(c)] : draw.maybe() ? [null] : []),
    ],
    attributes: {
      alpha: draw.optional(draw.pick([1, 0.5, -2])),
      beta: draw.optional(draw.pick([1, 0.5, -2])),
      transA: transA || draw.maybe() ? transA : undefined,
      transB: transB || draw.maybe() ? transB : undefined,
    },
  };
};

const matMul: Generate = (draw) => {
  const [m, k, n] = [draw.int(1, 3), draw.int(1, 3), draw.int(1, 3)];
  const isVector = draw.pick(['', '', 'left', 'right', 'both']);
  const batch = Array.from({ length: draw.int(0, 2) }, () => draw.int(1, 3));
  const some = () =>
    batch.slice(draw.maybe() ? 0 : draw.int(0, batch.length)).map((dim) => (draw.maybe(0.3) ? 1 : dim));
  const left = isVector === 'left' || isVector === 'both' ? [k] : [...some(), m, k];
  const right = isVector === 'right' || isVector === 'both' ? [k] : [...some(), k, n];
  return { inputs: [draw.tensor(left), draw.tensor(right)] };
};

const gather: Generate = (draw) => {
  const shape = draw.shape(1, 3);
  const given = draw.optional(draw.axis(shape.length));
  const indices = Array.from({ length: draw.int(0, 2) }, () => draw.int(1, 3));
  return {
    inputs: [draw.watched(shape), draw.indices(indices, shape.at(given ?? 0)!)],
    attributes: { axis: given },
  };
};

/** Indices of elements: on other axes than theirs no more than the data has. */
const elements = (draw: Draw) => {
  const shape = draw.shape(1, 3);
  const axis = draw.optional(draw.axis(shape.length));
  const at = ((axis ?? 0) + shape.length) % shape.length;
  const taken = shape.map((dim, i) => (i === at ? draw.int(1, 4) : draw.int(1, dim)));
  return { shape, axis, taken, indices: draw.indices(taken, shape[at]!) };
};

const gatherElements: Generate = (draw) => {
  const { shape, axis, indices } = elements(draw);
  return { inputs: [draw.watched(shape), indices], attributes: { axis } };
};

/** Without `add` no two at the same place: each line of the axis in an order of its own. */
const scatterElements: Generate = (draw) => {
  if (draw.maybe()) {
    const { shape, axis, taken, indices } = elements(draw);
    return { inputs: [draw.tensor(shape), indices, draw.tensor(taken)], attributes: { axis, reduction: 'add' } };
  }
  const length = draw.int(1, 4);
  const rows = draw.int(1, 3);
  const taken = draw.int(1, length);
  const places = Array.from({ length: rows }, () => draw.choose(length, taken)).flat();
  return {
    inputs: [
      draw.tensor([rows, length]),
      { role: 'fed', dtype: 'int64', shape: [rows, taken], values: places.map((at) => draw.fromEither(at, length)) },
      draw.tensor([rows, taken]),
    ],
    attributes: { axis: draw.pick([1, -1]), reduction: draw.optional('none') },
  };
};

/** Indices of the first axes behind those that both share. */
const slicesOf = (draw: Draw) => {
  const shape = draw.shape(1, 4);
  const batch = draw.int(0, Math.min(1, shape.length - 1));
  const depth = draw.int(1, shape.length - batch);
  const count = [...shape.slice(0, batch), ...Array.from({ length: draw.int(0, 2) }, () => draw.int(1, 3))];
  const tuples = count.reduce((a, b) => a * b, 1);
  const values = Array.from({ length: tuples * depth }, (_, i) => {
    const size = shape[batch + (i % depth)]!;
    return draw.fromEither(draw.int(0, size - 1), size);
  });
  const role = draw.pick(['constant', 'fed'] as const);
  const indices: CaseInput = { role, dtype: 'int64', shape: [...count, depth], values };
  return { shape, batch, indices };
};

const gatherND: Generate = (draw) => {
  const { shape, batch, indices } = slicesOf(draw);
  return { inputs: [draw.watched(shape), indices], attributes: { batch_dims: batch || draw.optional(0) } };
};

/** Without `add` no two at the same place. */
const scatterND: Generate = (draw) => {
  const shape = draw.shape(2, 3);
  const [rows, columns] = shape as [number, number];
  const depth = draw.int(1, 2);
  const most = depth === 1 ? rows : rows * columns;
  const reduction = draw.pick(['add', 'none', undefined]);
  const count = draw.int(1, Math.min(most, 4));
  const places =
    reduction === 'add' ? Array.from({ length: count }, () => draw.int(0, most - 1)) : draw.choose(most, count);
  const values = places.flatMap((at) =>
    depth === 1
      ? [draw.fromEither(at, rows)]
      : [draw.fromEither(Math.floor(at / columns), rows), draw.fromEither(at % columns, columns)],
  );
  const indices: CaseInput = { role: draw.pick(['constant', 'fed']), dtype: 'int64', shape: [count, depth], values };
  return {
    inputs: [draw.tensor(shape), indices, draw.tensor([count, ...shape.slice(depth)])],
    attributes: { reduction },
  };
};

const topK: Generate = (draw) => {
  const shape = draw.shape(1);
  const axis = draw.optional(draw.axis(shape.length));
  return {
    inputs: [{ ...draw.distinct(shape), role: 'watched' }, draw.ints([draw.int(1, shape.at(axis ?? -1)!)])],
    attributes: { axis, largest: draw.optional(draw.int(0, 1)), sorted: draw.optional(draw.int(0, 1)) },
    outputs: draw.int(1, 2),
  };
};

export const rows = {
  ArgMax: argMax,
  ArgMin: argMax,
  CumSum: cumSum,
  Gather: gather,
  GatherElements: gatherElements,
  GatherND: gatherND,
  Gemm: gemm,
  Hardmax: hardmax,
  LogSoftmax: alongAxis,
  MatMul: matMul,
  ReduceL1: offZero,
  ReduceL2: offZero,
  ReduceLogSum: positive,
  ReduceLogSumExp: reduction(),
  ReduceMax: distinct,
  ReduceMean: reduction(),
  ReduceMin: distinct,
  ReduceProd: factors,
  ReduceSum: reduction(),
  ReduceSumSquare: reduction(),
  ScatterElements: scatterElements,
  ScatterND: scatterND,
  Softmax: alongAxis,
  TopK: topK,
} satisfies Record<string, Generate>;
