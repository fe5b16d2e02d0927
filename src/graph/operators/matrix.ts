/** Matrix products. */
import type { OperatorName } from '../onnx/names.js';
import type { Nodes, Value } from '../onnx/nodes.js';
import type { Shape } from '../onnx/types.js';
import { showShape } from '../onnx/types.js';
import { reshaped, unbroadcast } from './broadcasting.js';
import type { GradientRule, Operator, ShapeRule } from './operator.js';
import { broadcast, fail, input, int, sameType } from './operator.js';

const gemm: ShapeRule = (inputs, attributes) => {
  const [a, b] = [input(inputs, 0).shape, input(inputs, 1).shape];
  if (a.length !== 2 || b.length !== 2) fail('both factors must be matrices');
  const [m, k] = attributes['transA'] ? [a[1]!, a[0]!] : [a[0]!, a[1]!];
  const [k2, n] = attributes['transB'] ? [b[1]!, b[0]!] : [b[0]!, b[1]!];
  if (k !== k2) fail(`inner dimensions differ: ${k} and ${k2}`);
  const c = inputs[2]?.shape ?? [];
  if (showShape(broadcast([m, n], c)) !== showShape([m, n]))
    fail(`${showShape(c)} does not broadcast to ${showShape([m, n])}`);
  return [{ dtype: sameType(inputs), shape: [m, n] }];
};

/**
 * y = alpha A' B' + beta C, where A' = A or A^T, B' = B or B^T: dA' = alpha dy B'^T, dB' = alpha A'^T dy, dC = beta dy, summed
 * over the axes along which C was broadcast.
 */
const gemmGradient: GradientRule = ({ g, dy, x: [a, b, c], attributes }) => {
  const [transA, transB] = [!!int(attributes, 'transA', 0), !!int(attributes, 'transB', 0)];
  const { alpha, beta = 1 } = attributes as { alpha?: number; beta?: number };
  // Attributes that have their default are left out.
  const product = (left: Value, right: Value, turnLeft: boolean, turnRight: boolean): Value =>
    g.op('Gemm', [left, right], {
      alpha: alpha === 1 ? undefined : alpha,
      transA: turnLeft ? 1 : undefined,
      transB: turnRight ? 1 : undefined,
    });
  return [
    () => (transA ? product(b!, dy, transB, true) : product(dy, b!, false, !transB)),
    () => (transB ? product(dy, a!, true, transA) : product(a!, dy, !transA, false)),
    () => unbroadcast(g, beta === 1 ? dy : g.op('Mul', [dy, g.scalar(beta, dy.dtype)]), c!.shape),
  ];
};

/** A vector in front is a row, one behind a column; others are as they are. */
const asRow = (shape: Shape): Shape => (shape.length === 1 ? [1, ...shape] : shape);
const asColumn = (shape: Shape): Shape => (shape.length === 1 ? [...shape, 1] : shape);

const matMul: ShapeRule = (inputs) => {
  const [left, right] = [input(inputs, 0).shape, input(inputs, 1).shape];
  if (!left.length || !right.length) fail('both factors must have a dimension or more');
  const [a, b] = [asRow(left), asColumn(right)];
  if (a.at(-1) !== b.at(-2)) fail(`inner dimensions differ: ${a.at(-1)} and ${b.at(-2)}`);
  const rows = left.length > 1 ? [a.at(-2)!] : [];
  const columns = right.length > 1 ? [b.at(-1)!] : [];
  return [{ dtype: sameType(inputs), shape: [...broadcast(a.slice(0, -2), b.slice(0, -2)), ...rows, ...columns] }];
};

/** The last two axes in each other's place. */
const transposed = (g: Nodes, x: Value): Value => {
  const axes = x.shape.map((_, i) => i);
  return g.op('Transpose', [x], { perm: [...axes.slice(0, -2), axes.at(-1)!, axes.at(-2)!] });
};

/** The same value, unless its shape is another. */
const withShape = (g: Nodes, x: Value, shape: Shape): Value =>
  showShape(x.shape) === showShape(shape) ? x : reshaped(g, x, shape);

/**
 * dA = dy B^T, dB = A^T dy, summed over the matrices that a broadcast one was used for. One matrix that all rows of A are multiplied with has
 * its gradient from one product of all rows, instead of a sum of many.
 */
const matMulGradient: GradientRule = ({ g, dy: slopes, x }) => {
  const [left, right] = x as [Value, Value];
  const [a, b] = [withShape(g, left, asRow(left.shape)), withShape(g, right, asColumn(right.shape))];
  const dy =
    a === left && b === right
      ? slopes
      : reshaped(g, slopes, [
          ...broadcast(a.shape.slice(0, -2), b.shape.slice(0, -2)),
          a.shape.at(-2)!,
          b.shape.at(-1)!,
        ]);
  const rows = (value: Value) => reshaped(g, value, [-1, value.shape.at(-1)!]);
  const ofOne = () => g.op('Gemm', [rows(a), rows(dy)], { transA: 1 });
  const ofMany = () => unbroadcast(g, g.op('MatMul', [transposed(g, a), dy]), b.shape);
  return [
    () => withShape(g, unbroadcast(g, g.op('MatMul', [dy, transposed(g, b)]), a.shape), left.shape),
    () => withShape(g, b.shape.length === 2 && a.shape.length > 2 ? ofOne() : ofMany(), right.shape),
  ];
};

export const matrices = {
  Gemm: {
    inputs: [2, 3],
    shape: gemm,
    attributes: { alpha: 'float', beta: 'float', transA: 'int', transB: 'int' },
    gradient: gemmGradient,
  },
  MatMul: {
    inputs: [2, 2],
    shape: matMul,
    attributes: {},
    gradient: matMulGradient,
  },
} satisfies Partial<Record<OperatorName, Operator>>;
