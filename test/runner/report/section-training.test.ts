import { expect, it } from 'vitest';
import { leftOutTexts } from '../../../src/runner/report/section-training.js';
import type { StepMetrics } from '../../../src/runner/training/metrics-file.js';

const step = (number: number, loss: number | null, more: Partial<StepMetrics> = {}): StepMetrics => ({
  ...{ kind: 'step', epoch: 0, step: number, loss, lr: 1, step_seconds: 1, data_seconds: 0 },
  ...more,
});

it('steps that were left out are counted by their reason, whatever precision the rest of the run had', () => {
  const overflow = { skipped: true, loss_scale: 65536, gradient_norm: null } as const;
  expect(leftOutTexts([step(1, 1)])).toEqual([]);
  expect(leftOutTexts([step(1, 1, overflow), step(2, 1)])).toEqual([
    expect.stringMatching(/^1 step was left out for a scaled gradient beyond float16/),
  ]);
  expect(leftOutTexts([step(1, 1, overflow), step(2, null, overflow), step(3, null, { skipped: true })])).toEqual([
    expect.stringMatching(/^1 step was left out for a scaled gradient/),
    '2 steps were left out for a loss or gradient that was not finite.',
  ]);
});
