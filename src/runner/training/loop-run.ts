/** What goes into a run of `train_loop.onnx`, and what comes out. */
import type { TrainingOptions } from '../../graph/options.js';
import type { PlainTensors } from '../compute/engine.js';
import type { LeftOut } from '../checkpoints/checkpoint.js';
import type { TrainingRun } from '../data/prefetch.js';
import { reasonOf } from './left-out.js';
import type { StepMetrics } from './metrics-file.js';

export interface Rates {
  /** Of the network. */
  lr: number;
  /** Of the loss's parameters, by name. */
  own: Readonly<Record<string, number>>;
}

/** Shapes of a step's inputs that its parts decide. */
export interface StepShapes {
  /** Null for none. */
  uniforms: readonly number[] | null;
}

export function loopFeeds(run: TrainingRun, options: TrainingOptions, shapes: StepShapes, rates: Rates): PlainTensors {
  const { batchSize, imageSize, featDim } = options;
  const { images, labels, uniforms, dropout, steps } = run;
  const all = (rate: number) => ({ data: new Float32Array(steps).fill(rate), dims: [steps] });
  const own = Object.entries(rates.own).map(([name, rate]) => [`lr_${name}`, all(rate)]);
  return {
    // Of a rank, its share of the batch.
    images:
      images instanceof Float32Array
        ? { data: images, dims: [steps, images.length / (steps * featDim), featDim] }
        : { data: images, dims: [steps, images.length / (steps * imageSize ** 2 * 3), imageSize, imageSize, 3] },
    labels: { data: labels, dims: [steps, batchSize] },
    ...(shapes.uniforms && { uniforms: { data: uniforms, dims: [steps, ...shapes.uniforms] } }),
    dropout: { data: dropout, dims: [steps, dropout.length / steps] },
    lr: all(rates.lr),
    ...(Object.fromEntries(own) as PlainTensors),
  };
}

/** One step of a run. */
export interface LoopStep {
  loss: number;
  /** What the loss tells of it. */
  statistics: Record<string, number>;
  /** Before clipping; where the graph computes it. */
  gradientNorm?: number;
  /** What the loss was multiplied with for the backward pass; in mixed precision. */
  lossScale?: number;
  /** Why the graph has left out its update, if it has. */
  leftOut?: keyof LeftOut;
}

/** @param skips whether the graph leaves out updates by numbers that are not finite */
export function loopSteps(outputs: PlainTensors, skips: boolean): LoopStep[] {
  const { losses, gradient_norms: norms, loss_scales: scales, ...statistics } = outputs;
  return Array.from(losses!.data, (loss, i) => {
    const gradientNorm = norms?.data[i];
    const lossScale = scales?.data[i];
    const isLeftOut = skips && !(Number.isFinite(loss) && Number.isFinite(gradientNorm));
    const own = Object.entries(statistics).map(([name, { data }]) => [name, data[i]!]);
    return {
      loss,
      statistics: Object.fromEntries(own) as Record<string, number>,
      ...(gradientNorm !== undefined && { gradientNorm }),
      ...(lossScale !== undefined && { lossScale }),
      ...(isLeftOut && { leftOut: reasonOf({ loss, lossScale }) }),
    };
  });
}

/** JSON has no other numbers. */
const told = (value: number): number | null => (Number.isFinite(value) ? value : null);
const toldOf = (values: Readonly<Record<string, number>>): Record<string, number | null> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, told(value)]));

/**
 * The steps as lines of metrics, as they will be read: observers compare them with lines of a file.
 *
 * @param leftOut steps that were left out before them
 * @param timing seconds a step
 */
export function stepMetrics(
  steps: readonly LoopStep[],
  { epoch, first, lr, own, leftOut }: Rates & { epoch: number; first: number; leftOut: number },
  timing: { step: number; data: number },
): StepMetrics[] {
  const rates = Object.fromEntries(Object.entries(own).map(([name, rate]) => [`lr_${name}`, rate]));
  let count = leftOut;
  return steps.map(({ loss, statistics, gradientNorm, lossScale, leftOut: reason }, i) => ({
    ...{ kind: 'step', epoch, step: first + i, loss: told(loss), ...toldOf(statistics), lr, ...rates },
    ...{ step_seconds: timing.step, data_seconds: timing.data },
    ...(gradientNorm !== undefined && { gradient_norm: told(gradientNorm) }),
    ...(lossScale !== undefined && { loss_scale: lossScale, skipped_steps: (count += Number(reason !== undefined)) }),
    ...(reason && { skipped: true }),
  }));
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

/** Means over the steps that count: those that were not left out, or else all. */
export function meanOfSteps(steps: readonly LoopStep[]): Omit<LoopStep, 'leftOut' | 'lossScale'> {
  const taken = steps.filter(({ leftOut }) => leftOut === undefined);
  const counted = taken.length > 0 ? taken : steps;
  const norms = counted.flatMap(({ gradientNorm }) => gradientNorm ?? []);
  const names = Object.keys(counted[0]?.statistics ?? {});
  const own = names.map((name) => [name, mean(counted.map(({ statistics }) => statistics[name]!))]);
  return {
    loss: mean(counted.map(({ loss }) => loss)),
    statistics: Object.fromEntries(own) as Record<string, number>,
    ...(norms.length > 0 && { gradientNorm: mean(norms) }),
  };
}
