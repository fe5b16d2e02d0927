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
      attributes: { keepdims: draw.optional(draw.int(0, 1)) },
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
  const batch = Array.from({ length: draw.int(0, 2) }, () => draw.int(1, 3));
  const some = () =>
    batch.slice(draw.maybe() ? 0 : draw.int(0, batch.length)).map((dim) => (draw.maybe(0.3) ? 1 : dim));
  return { inputs: [draw.tensor([...some(), m, k]), draw.tensor([...some(), k, n])] };
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

const scatterElements: Generate = (draw) => {
  const { shape, axis, taken, indices } = elements(draw);
  return { inputs: [draw.tensor(shape), indices, draw.tensor(taken)], attributes: { axis, reduction: 'add' } };
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
  CumSum: cumSum,
  Gather: gather,
  GatherElements: gatherElements,
  Gemm: gemm,
  LogSoftmax: alongAxis,
  MatMul: matMul,
  ReduceL2: offZero,
  ReduceLogSumExp: reduction(),
  ReduceMax: distinct,
  ReduceMean: reduction(),
  ReduceMin: distinct,
  ReduceSum: reduction(),
  ReduceSumSquare: reduction(),
  ScatterElements: scatterElements,
  Softmax: alongAxis,
  TopK: topK,
} satisfies Record<string, Generate>;
