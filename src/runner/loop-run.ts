/** What goes into a run of `train_loop.onnx`, and what comes out. */
import type { PlainTensors } from './compute.js';
import type { TrainingRun } from './data/prefetch.js';
import type { StepMetrics } from './metrics.js';
import type { RunOptions } from './run-options.js';

export interface Rates {
  lr: number;
  lrBeta: number;
}

export function loopFeeds(run: TrainingRun, options: RunOptions, { lr, lrBeta }: Rates): PlainTensors {
  const { batchSize, batchK, imageSize } = options;
  const { images, labels, uniforms, dropout, steps } = run;
  const rates = (rate: number) => ({ data: new Float32Array(steps).fill(rate), dims: [steps] });
  return {
    images: { data: images, dims: [steps, batchSize, imageSize, imageSize, 3] },
    labels: { data: labels, dims: [steps, batchSize] },
    uniforms: { data: uniforms, dims: [steps, batchSize, batchK - 1] },
    dropout: { data: dropout, dims: [steps, dropout.length / steps] },
    lr: rates(lr),
    lr_beta: rates(lrBeta),
  };
}

/** One step of a run. */
export interface LoopStep {
  loss: number;
  pairs: number;
  /** Before clipping; where the graph computes it. */
  gradientNorm?: number;
  /** The graph has left out its update. */
  skipped: boolean;
}

/** @param skips whether the graph leaves out updates by numbers that are not finite */
export function loopSteps(outputs: PlainTensors, skips: boolean): LoopStep[] {
  const [losses, pairs, norms] = ['losses', 'pairs', 'gradient_norms'].map((name) => outputs[name]?.data);
  return Array.from(losses!, (loss, i) => {
    const gradientNorm = norms?.[i];
    const skipped = skips && !(Number.isFinite(loss) && Number.isFinite(gradientNorm));
    return { loss, pairs: pairs![i]!, ...(gradientNorm !== undefined && { gradientNorm }), skipped };
  });
}

/** The steps as lines of metrics. @param timing seconds a step */
export const stepMetrics = (
  steps: readonly LoopStep[],
  { epoch, first, lr, lrBeta }: Rates & { epoch: number; first: number },
  timing: { step: number; data: number },
): StepMetrics[] =>
  steps.map(({ loss, pairs, gradientNorm, skipped }, i) => ({
    ...{ kind: 'step', epoch, step: first + i, loss, pairs, lr, lr_beta: lrBeta },
    ...{ step_seconds: timing.step, data_seconds: timing.data },
    ...(gradientNorm !== undefined && { gradient_norm: gradientNorm }),
    ...(skipped && { skipped: true }),
  }));

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

/** Means over the steps that count: those that were not left out, or else all. */
export function meanOfSteps(steps: readonly LoopStep[]): { loss: number; pairs: number; gradientNorm?: number } {
  const taken = steps.filter(({ skipped }) => !skipped);
  const counted = taken.length > 0 ? taken : steps;
  const norms = counted.flatMap(({ gradientNorm }) => gradientNorm ?? []);
  return {
    loss: mean(counted.map(({ loss }) => loss)),
    pairs: mean(counted.map(({ pairs }) => pairs)),
    ...(norms.length > 0 && { gradientNorm: mean(norms) }),
  };
}
