import { describe, expect, it } from 'vitest';
import { secondsOfRuns, StepsPerRun } from '../../../src/runner/training/steps-per-run.js';

describe('StepsPerRun', () => {
  it('begins with one step and grows to about a second of them', () => {
    const steps = new StepsPerRun(1000, 1);
    const chosen = [0.05, 0.05, 0.05, 0.05].map((stepSeconds) => {
      const next = steps.next();
      steps.measured(next, next * stepSeconds);
      return next;
    });
    expect([...chosen, steps.next()]).toEqual([1, 4, 16, 20, 20]);
  });

  it('takes one step when a step takes longer than a second', () => {
    const steps = new StepsPerRun(1000, 1);
    steps.measured(1, 7);
    expect(steps.next()).toBe(1);
  });

  it('follows the latest measurement', () => {
    const steps = new StepsPerRun(1000, 1);
    steps.measured(8, 1);
    steps.measured(8, 4);
    expect(steps.next()).toBe(2);
  });

  it('keeps the images of a run within 256 MiB, but for a single step', () => {
    const steps = new StepsPerRun(100 * 2 ** 20, 1);
    steps.measured(100, 0.1);
    expect(steps.next()).toBe(2);
    const large = new StepsPerRun(300 * 2 ** 20, 1);
    large.measured(100, 0.1);
    expect(large.next()).toBe(1);
  });

  it('takes the number it is given', () => {
    const steps = new StepsPerRun(1e6, 1, 7);
    expect(steps.next()).toBe(7);
    steps.measured(7, 1);
    expect(steps.next()).toBe(7);
  });

  it('takes no more of a large number than fit into the memory and into ten seconds: Ctrl-C is answered between two runs', () => {
    const steps = new StepsPerRun(1e3, 1, 1e9);
    expect(steps.next()).toBe(64);
    steps.measured(64, 6.4);
    expect(steps.next()).toBe(100);
    expect(new StepsPerRun(100 * 2 ** 20, 1, 1e9).next()).toBe(2);
  });

  it('takes four seconds of them where every run copies the state to a device and back', () => {
    expect([secondsOfRuns('cpu', 'binding'), secondsOfRuns('cuda', 'C API'), secondsOfRuns('cpu', 'C API')]).toEqual([
      1, 1, 1,
    ]);
    const steps = new StepsPerRun(1000, secondsOfRuns('cuda', 'binding'));
    steps.measured(64, 6.4);
    expect(steps.next()).toBe(40);
  });
});
