/**
 * Batch normalisation over activations laid out (C, N, H, W), in which a channel is one contiguous row of
 * L = N * H * W elements.
 */
import type { GraphBuilder, Value } from '../builder/builder.js';
import { rowSum } from '../lowerings/sums.js';

/** PyTorch's defaults. */
export const bnDefaults = { epsilon: 1e-5, momentum: 0.1 } as const;

export interface BatchNormParams {
  weight: Value;
  bias: Value;
  runningMean: Value;
  runningVar: Value;
}

const asRows = (g: GraphBuilder, x: Value): Value => g.op('Reshape', [x, g.ints([x.shape[0] as number, -1])]);
const asColumn = (g: GraphBuilder, v: Value): Value => g.op('Reshape', [v, g.ints([-1, 1])]);
const asVector = (g: GraphBuilder, v: Value): Value => g.op('Reshape', [v, g.ints([-1])]);
const like = (g: GraphBuilder, x: Value, shape: Value['shape']): Value =>
  g.op('Reshape', [x, g.ints(shape as number[])]);

const filled = (g: GraphBuilder, length: number, value: number): Value =>
  g.constant('float32', [length], new Float32Array(length).fill(value));

/** rows * scale + shift with one factor and one summand a channel (vectors [C]): one pass over memory. */
function affine(g: GraphBuilder, rows: Value, scale: Value, shift: Value): Value {
  const [channels, length] = rows.shape as [number, number];
  const image = g.op('Reshape', [rows, g.ints([1, channels, length])]);
  const [zeros, ones] = [filled(g, channels, 0), filled(g, channels, 1)];
  const y = g.op('BatchNormalization', [image, scale, shift, zeros, ones], { epsilon: 0 });
  return g.op('Reshape', [y, g.ints([channels, length])]);
}

export interface Normalized {
  y: Value;
  /** Of the batch, of each channel: [C] or [C, 1]. */
  mean: Value;
  variance: Value;
  /** Values of each. */
  length: number;
}

/**
 * What a statistic of the batch is multiplied with where it is added to the running one: new = 0.9 old + factor * batch, the variance
 * unbiased, as in PyTorch. A single value a channel has no unbiased variance; PyTorch refuses it, we keep the biased one.
 */
export const renewalFactors = ({ length }: Pick<Normalized, 'length'>): { mean: number; variance: number } => ({
  mean: bnDefaults.momentum,
  variance: bnDefaults.momentum * (length > 1 ? length / (length - 1) : 1),
});

/** The running statistic after a batch. */
export const renewed = (g: GraphBuilder, old: Value, batch: Value, factor: number): Value =>
  g.op('Add', [
    g.op('Mul', [old, g.scalar(1 - bnDefaults.momentum)]),
    g.op('Mul', [asVector(g, batch), g.scalar(factor)]),
  ]);

/**
 * Training mode: normalises by the batch's own statistics. x [C, N, H, W], vectors [C].
 *
 * With xc = x - mean, r = 1 / sqrt(var + eps): y = weight r xc + bias. For the gradient, s = sum(dy xc) and d = sum(dy):
 * dweight = r s, dbias = d, dx = weight r (dy - d / L - xc r^2 s / L).
 */
export function batchNormTraining(
  g: GraphBuilder,
  x: Value,
  { weight, bias }: Pick<BatchNormParams, 'weight' | 'bias'>,
  epsilon: number = bnDefaults.epsilon,
): Normalized {
  const { batch, length, mean, centered, variance, deviation, scale, output } = g.untracked(() => {
    const rows = asRows(g, x);
    const [batch, length] = [x.shape[1] as number, rows.shape[1] as number];
    const count = g.scalar(length);
    const mean = g.op('Div', [rowSum(g, rows, batch), count]);
    const centered = g.op('Sub', [rows, mean]);
    const variance = g.op('Div', [rowSum(g, g.op('Mul', [centered, centered]), batch), count]);
    const deviation = g.op('Sqrt', [g.op('Add', [variance, g.scalar(epsilon)])]);
    const scale = g.op('Div', [weight, asVector(g, deviation)]);
    // x scale + (bias - mean scale), which is how PyTorch rounds it.
    const shift = g.op('Sub', [bias, g.op('Mul', [asVector(g, mean), scale])]);
    const output = like(g, affine(g, rows, scale, shift), x.shape);
    return { batch, length, mean, centered, variance, deviation, scale, output };
  });

  const y = g.differentiable([x, weight, bias], output, (gradient) => {
    const dy = asRows(g, gradient);
    const r = g.op('Reciprocal', [deviation]);
    const d = rowSum(g, dy, batch);
    const s = rowSum(g, g.op('Mul', [dy, centered]), batch);
    const share = g.scalar(-1 / length);
    const dx = () => {
      const slope = g.op('Mul', [g.op('Mul', [g.op('Mul', [r, r]), s]), share]);
      const column = asColumn(g, scale);
      const ofMean = g.op('Mul', [g.op('Mul', [d, share]), column]);
      const rest = affine(g, centered, asVector(g, g.op('Mul', [slope, column])), asVector(g, ofMean));
      return like(g, g.op('Add', [g.op('Mul', [dy, column]), rest]), x.shape);
    };
    return [x.tracked ? dx() : null, asVector(g, g.op('Mul', [s, r])), asVector(g, d)];
  });

  return { y, mean, variance, length };
}

/**
 * The same in two thirds of the launches, for CUDA, where a kernel of one value a channel takes as long as one of thousands: sums in one
 * pass, ONNX's own BatchNormalization of mean and variance, and what the backward pass multiplies channels with, joined.
 *
 * With v = var + eps, k = weight / sqrt(v), s = sum(dy xc) and d = sum(dy): dx = k dy - (k / L) (d + s / v xc); dweight = s / sqrt(v),
 * dbias = d.
 *
 * Of float16: statistics and sums in float32, x and y in float16. The backward pass computes xc again, so that nothing of float32 is kept
 * for it: of the rows, since ONNX Runtime would keep what it finds to be the same.
 */
export function batchNormInFewKernels(
  g: GraphBuilder,
  x: Value,
  { weight, bias }: Pick<BatchNormParams, 'weight' | 'bias'>,
  epsilon: number = bnDefaults.epsilon,
): Normalized {
  const isHalf = x.dtype === 'float16';
  const wide = (value: Value) => (isHalf ? g.op('Cast', [value], { to: 'float32' }) : value);
  const narrow = (value: Value) => (isHalf ? g.op('Cast', [value], { to: 'float16' }) : value);
  const { length, mean, kept, variance, output } = g.untracked(() => {
    const rows = asRows(g, wide(x));
    const [channels, length] = rows.shape as [number, number];
    const mean = g.op('ReduceMean', [rows, g.ints([1])]);
    const centered = g.op('Sub', [rows, mean]);
    const variance = g.op('ReduceMean', [g.op('Mul', [centered, centered]), g.ints([1])]);
    const image = g.op('Reshape', [rows, g.ints([1, channels, length])]);
    const statistics = [asVector(g, mean), asVector(g, variance)];
    const y = g.op('BatchNormalization', [image, weight, bias, ...statistics], { epsilon });
    return { length, mean, kept: isHalf ? null : centered, variance, output: narrow(like(g, y, x.shape)) };
  });
  const y = g.differentiable([x, weight, bias], output, (gradient) => {
    const centered = kept ?? g.op('Sub', [wide(asRows(g, x)), mean]);
    const dy = asRows(g, wide(gradient));
    const v = asVector(g, g.op('Add', [variance, g.scalar(epsilon)]));
    const deviation = g.op('Sqrt', [v]);
    const d = asVector(g, g.op('ReduceSum', [dy, g.ints([1])]));
    const s = asVector(g, g.op('ReduceSum', [g.op('Mul', [dy, centered]), g.ints([1])]));
    const dx = () => {
      const k = g.op('Div', [weight, deviation]);
      const share = g.op('Mul', [k, g.scalar(1 / length)]);
      const ofCentered = g.op('Div', [g.op('Mul', [share, s]), v]);
      const rest = affine(g, centered, ofCentered, g.op('Mul', [share, d]));
      return narrow(like(g, g.op('Sub', [g.op('Mul', [dy, asColumn(g, k)]), rest]), x.shape));
    };
    return [x.tracked ? dx() : null, g.op('Div', [s, deviation]), d];
  });
  return { y, mean, variance, length };
}

/**
 * Frozen mode: normalises by the running statistics, which stay as they are; weight and bias still get gradients.
 *
 * With r = 1 / sqrt(runningVar + eps): dx = weight r dy, dweight = r sum(dy (x - runningMean)), dbias = sum(dy).
 */
export function batchNormFrozen(
  g: GraphBuilder,
  x: Value,
  { weight, bias, runningMean, runningVar }: BatchNormParams,
  epsilon: number = bnDefaults.epsilon,
): Value {
  const { rows, batch, r, scale, output } = g.untracked(() => {
    const rows = asRows(g, x);
    const batch = x.shape[1] as number;
    const r = g.op('Reciprocal', [g.op('Sqrt', [g.op('Add', [runningVar, g.scalar(epsilon)])])]);
    const scale = g.op('Mul', [weight, r]);
    const shift = g.op('Sub', [bias, g.op('Mul', [runningMean, scale])]);
    return { rows, batch, r, scale, output: like(g, affine(g, rows, scale, shift), x.shape) };
  });
  return g.differentiable([x, weight, bias], output, (gradient) => {
    const dy = asRows(g, gradient);
    const d = asVector(g, rowSum(g, dy, batch));
    const s = asVector(g, rowSum(g, g.op('Mul', [dy, rows]), batch));
    return [
      x.tracked ? like(g, g.op('Mul', [dy, asColumn(g, scale)]), x.shape) : null,
      g.op('Mul', [r, g.op('Sub', [s, g.op('Mul', [runningMean, d])])]),
      d,
    ];
  });
}
