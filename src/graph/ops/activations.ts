/** Activations that opset 18 has no operator for. */
import type { GraphBuilder } from '../builder/builder.js';
import type { Value } from '../onnx/nodes.js';

/**
 * x Phi(x), with the distribution function of the normal distribution: torchvision's and timm's GELU. Divided by sqrt(2) as exporters write it,
 * ONNX Runtime makes one node of it; its gradient multiplies instead, so that nothing of that node's inside is shared, and x alone is kept.
 *
 * With u = x / sqrt(2): Phi = (1 + erf(u)) / 2, and dx = dy (1 + erf(u) + 2 / sqrt(pi) u exp(-u^2)) / 2.
 *
 * @param x float32 or float16, any shape
 * @source ONNX Gelu (opset 20), approximate none
 */
export function gelu(g: GraphBuilder, x: Value): Value {
  const number = (value: number) => g.scalar(value, x.dtype);
  const y = g.untracked(() => {
    const erf = g.op('Erf', [g.op('Div', [x, number(Math.SQRT2)])]);
    return g.op('Mul', [g.op('Mul', [x, g.op('Add', [erf, number(1)])]), number(0.5)]);
  });
  const slope = () => {
    const u = g.op('Mul', [x, number(Math.SQRT1_2)]);
    const bell = g.op('Exp', [g.op('Neg', [g.op('Mul', [u, u])])]);
    const bend = g.op('Mul', [g.op('Mul', [u, bell]), number(2 / Math.sqrt(Math.PI))]);
    const sum = g.op('Add', [g.op('Add', [g.op('Erf', [u]), number(1)]), bend]);
    return g.op('Mul', [sum, number(0.5)]);
  };
  return g.differentiable([x], y, (dy) => [g.op('Mul', [dy, slope()])], { again: true });
}

/**
 * x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2, an approximation of `gelu`.
 *
 * @param x float32 or float16, any shape
 * @source ONNX Gelu (opset 20), approximate tanh
 */
export function geluByTanh(g: GraphBuilder, x: Value): Value {
  const number = (value: number) => g.scalar(value, x.dtype);
  const cube = g.op('Mul', [g.op('Mul', [x, x]), x]);
  const inner = g.op('Add', [x, g.op('Mul', [cube, number(0.044715)])]);
  const bend = g.op('Tanh', [g.op('Mul', [inner, number(Math.sqrt(2 / Math.PI))])]);
  return g.op('Mul', [g.op('Mul', [x, g.op('Add', [bend, number(1)])]), number(0.5)]);
}

/**
 * x sigmoid(alpha x): SiLU where alpha is 1.
 *
 * @param x float32 or float16, any shape
 * @source ONNX Swish (opset 24)
 */
export function swish(g: GraphBuilder, x: Value, alpha = 1): Value {
  const scaled = alpha === 1 ? x : g.op('Mul', [x, g.scalar(alpha, x.dtype)]);
  return g.op('Mul', [x, g.op('Sigmoid', [scaled])]);
}

/**
 * x above 0, else alpha (exp(x / alpha) - 1): Elu in other units. ONNX's own operator is of float32 only.
 *
 * @param x float32 or float16, any shape
 * @source ONNX Celu (opset 12)
 * @throws Error unless alpha is above 0
 */
export function celu(g: GraphBuilder, x: Value, alpha = 1): Value {
  if (!(alpha > 0)) throw new Error(`Celu at ${g.path}: alpha is ${alpha}; wanted: a number above 0`);
  const scale = g.scalar(alpha, x.dtype);
  return alpha === 1 ? g.op('Elu', [x]) : g.op('Mul', [g.op('Elu', [g.op('Div', [x, scale])]), scale]);
}
