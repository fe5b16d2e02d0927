import { describe, expect, it } from 'vitest';
import type { Metrics, StepMetrics } from '../../../src/runner/training/metrics-file.js';
import { recallCurves, smoothed, stepCurves, thinned } from '../../../src/runner/report/curves.js';

const step = (number: number, more: Partial<StepMetrics> = {}): StepMetrics => ({
  ...{ kind: 'step', epoch: 0, step: number, loss: 1 / number, pairs: 10, lr: 0.1, lr_beta: 0 },
  ...{ step_seconds: 1, data_seconds: 0 },
  ...more,
});
const steps = (count: number, more: Partial<StepMetrics> = {}) =>
  Array.from({ length: count }, (_, i) => step(i + 1, more));

describe('curves', () => {
  it('are thinned to means of neighbors, without those that are not there', () => {
    expect(thinned([1, 3, null, 5, 7], 3)).toEqual([2, 5, 7]);
    expect(thinned([null, undefined, 4], 2)).toEqual([null, 4]);
    expect(thinned([1, null], 2)).toEqual([1, null]);
  });

  it('are smoothed by the neighbors on both sides', () => {
    expect(smoothed([0, 3, 6, null], 1)).toEqual([1.5, 3, 4.5, 6]);
  });

  it('of a long run keep to a bounded number of points, from its first step to its last', () => {
    const { loss } = stepCurves(steps(100_000));
    expect(loss!.x.length).toBeLessThanOrEqual(800);
    expect(loss!.x[0]).toBeLessThan(150);
    expect(loss!.x.at(-1)).toBeGreaterThan(99_850);
    for (const { values } of loss!.series) expect(values).toHaveLength(loss!.x.length);
  });

  it('are only of what was written, and leave gaps where a number was not finite', () => {
    const few = stepCurves([step(1), step(2, { loss: null }), step(3)]);
    expect(Object.keys(few)).toEqual(['loss', 'pairs', 'learning-rates']);
    expect(few['loss']!.series[0]!.values).toEqual([1, null, 1 / 3]);
    // beta is constant: a rate of 0 has no place on a logarithmic axis.
    expect(few['learning-rates']!.series.map(({ label }) => label)).toEqual(['network']);
    expect(Object.keys(stepCurves(steps(3, { gradient_norm: 2 })))).toContain('gradient-norm');
    expect(Object.keys(stepCurves(steps(3, { loss_scale: 65536 })))).toContain('loss-scale');
    expect(stepCurves([])).toEqual({});
  });

  it('show Recall@k after each epoch, the untrained network at 0', () => {
    const line = (epoch: number, recall: Record<string, number>): Metrics => ({ kind: 'eval', epoch, step: 1, recall });
    const chart = recallCurves([line(-1, { 1: 0.2, 2: 0.3 }), step(1), line(0, { 1: 0.4, 2: 0.5 })]);
    expect(chart!.x).toEqual([0, 1]);
    expect(chart!.series.map(({ label, values }) => [label, values])).toEqual([
      ['Recall@1', [0.2, 0.4]],
      ['Recall@2', [0.3, 0.5]],
    ]);
    expect(recallCurves([step(1)])).toBeUndefined();
  });
});
