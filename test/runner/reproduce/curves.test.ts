import { describe, expect, it } from 'vitest';
import type { EvalMetrics, Metrics, StepMetrics } from '../../../src/runner/training/metrics-file.js';
import { compareCurves, relativeDifference } from '../../../src/runner/reproduce/curves.js';
import { arithmeticFlags } from '../../../src/runner/reproduce/machine.js';

const step = (number: number, loss: number | null, more: Partial<StepMetrics> = {}): StepMetrics => ({
  ...{ kind: 'step', epoch: 0, step: number, loss, pairs: 4, lr: 1, lr_beta: 1, step_seconds: Math.sqrt(number) },
  ...{ data_seconds: 0, ...more },
});
const evaluation = (number: number, recall: number): EvalMetrics => ({
  ...{ kind: 'eval', epoch: 0, step: number, recall: { 1: recall, 2: 1 } },
});

describe('two curves', () => {
  const run: Metrics[] = [evaluation(0, 0.5), step(1, 1), step(2, null), evaluation(2, 0.25)];

  it('are the same when all but the times is', () => {
    expect(
      compareCurves(
        run,
        run.map((line) => ({ ...line, step_seconds: 9 })),
      ),
    ).toEqual({
      ...{ steps: 2, evaluations: 2, first: undefined, largest: undefined, onlyA: 0, onlyB: 0 },
    });
  });

  it('part at the first step that differs in any value, or at an evaluation', () => {
    const first = (...other: Metrics[]) => compareCurves(run, other).first;
    expect(first(evaluation(0, 0.5), step(1, 1.5))).toEqual({ step: 1, epoch: 0, what: 'loss', a: 1, b: 1.5 });
    expect(first(step(1, 1, { pairs: 3 }))).toMatchObject({ what: 'pairs', a: 4, b: 3 });
    expect(compareCurves([step(1, 1, { pairs: null })], [step(1, 1)]).first).toMatchObject({ what: 'pairs', a: null });
    expect(first(step(1, 1), step(2, 7))).toMatchObject({ step: 2, what: 'loss', a: null, b: 7 });
    expect(first(evaluation(2, 0.5), step(1, 2))).toMatchObject({ step: 1 });
    expect(first(evaluation(0, 0.75))).toMatchObject({ step: 0, what: 'Recall@1', a: 0.5, b: 0.75 });
  });

  it('tell how far they get apart, and which steps only one of them has', () => {
    const [a, b] = [
      [step(1, 2), step(2, 4), step(3, 8)],
      [step(1, 2), step(2, 3), step(3, 9), step(4, 1), step(5, 1)],
    ];
    expect(compareCurves(a, b)).toMatchObject({ steps: 3, largest: { step: 2, relative: 0.25 }, onlyA: 0, onlyB: 2 });
    expect(compareCurves(a, b, 1)).toMatchObject({ steps: 1, first: undefined, onlyA: 0, onlyB: 0 });
  });

  it('differ in relation to the larger value', () => {
    expect([relativeDifference(1, 4), relativeDifference(-2, -1), relativeDifference(0, 0)]).toEqual([0.75, 0.5, 0]);
    expect([relativeDifference(null, null), relativeDifference(null, 1)]).toEqual([0, Infinity]);
  });
});

describe('CPU features that change arithmetic', () => {
  it('are those of the first processor, sorted, without the others', () => {
    const x86 =
      'processor\t: 0\nflags\t\t: fpu vme sse4_1 avx2 avx512f fma f16c smep sme\nprocessor\t: 1\nflags\t\t: avx9\n';
    expect(arithmeticFlags(x86)).toBe('avx2 avx512f f16c fma sse4_1');
    expect(arithmeticFlags('processor: 0\nFeatures\t: fp asimd evtstrm sve2 i8mm\n')).toBe('asimd i8mm sve2');
    expect(arithmeticFlags('')).toBe('not told by this system');
  });
});
