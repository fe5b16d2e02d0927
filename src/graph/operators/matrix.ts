/** Matrix products. */
import type { OperatorName } from '../onnx/names.js';
import type { Value } from '../onnx/nodes.js';
import { showShape } from '../onnx/types.js';
import { unbroadcast } from './broadcasting.js';
import type { Call, GradientRule, Operator, ShapeRule } from './operator.js';
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

const matMul: ShapeRule = (inputs) => {
  const [a, b] = [input(inputs, 0).shape, input(inputs, 1).shape];
  if (a.length < 2 || b.length < 2) fail('both factors must have two dimensions or more');
  if (a.at(-1) !== b.at(-2)) fail(`inner dimensions differ: ${a.at(-1)} and ${b.at(-2)}`);
  return [{ dtype: sameType(inputs), shape: [...broadcast(a.slice(0, -2), b.slice(0, -2)), a.at(-2)!, b.at(-1)!] }];
};

/** The last two axes in each other's place. */
const transposed = ({ g }: Call, x: Value): Value => {
  const axes = x.shape.map((_, i) => i);
  return g.op('Transpose', [x], { perm: [...axes.slice(0, -2), axes.at(-1)!, axes.at(-2)!] });
};

export const matrices = {
  Gemm: {
    inputs: [2, 3],
    shape: gemm,
    attributes: { alpha: 'float', beta: 'float', transA: 'int', transB: 'int' },
    gradient: gemmGradient,
  },
  /** dA = dy B^T, dB = A^T dy, summed over the matrices that a broadcast one was used for. */
  MatMul: {
    inputs: [2, 2],
    shape: matMul,
    attributes: {},
    gradient: (call) => {
      const { g, dy, x } = call;
      const [a, b] = x as [Value, Value];
      return [
        () => unbroadcast(g, g.op('MatMul', [dy, transposed(call, b)]), a.shape),
        () => unbroadcast(g, g.op('MatMul', [transposed(call, a), dy]), b.shape),
      ];
    },
  },
} satisfies Partial<Record<OperatorName, Operator>>;
