import { describe, expect, it } from 'vitest';
import { ComputeThread } from '../../../src/runner/compute-thread.js';
import { measureEmbeddings } from '../../../src/runner/metrics/measure.js';

const cpu = { device: 'cpu', deviceId: 0, threads: 1 } as const;

/** Points on a circle, at angles in degrees. */
const circle = (angles: number[]) =>
  Float32Array.from(angles.flatMap((angle) => [Math.cos((angle * Math.PI) / 180), Math.sin((angle * Math.PI) / 180)]));

describe('measureEmbeddings', () => {
  it('finds everything right where classes lie apart, and says what it is doing', async () => {
    const thread = new ComputeThread(cpu);
    const stages = new Set<string>();
    try {
      const metrics = await measureEmbeddings(
        thread,
        circle([0, 1, 2, 120, 121, 122, 240, 241, 242]),
        2,
        Int32Array.of(0, 0, 0, 1, 1, 1, 2, 2, 2),
        { onProgress: (stage) => stages.add(stage) },
      );
      expect(metrics).toMatchObject({ precision_at_1: 1, r_precision: 1, mean_average_precision_at_r: 1 });
      expect(metrics.NMI).toBeGreaterThan(0.6);
      expect(stages).toEqual(new Set(['search', 'cluster']));
    } finally {
      await thread.close();
    }
  });

  it('gives the values computed by hand where classes mix', async () => {
    const thread = new ComputeThread(cpu);
    try {
      // Neighbors in order: 0 -> 1 (b); 10 -> 0, 25 (a, both); 25 -> 10 (b) first; 45 -> 25 (a) first.
      const metrics = await measureEmbeddings(thread, circle([0, 10, 25, 45]), 2, Int32Array.of(0, 1, 0, 1));
      expect(metrics).toMatchObject({ precision_at_1: 0, r_precision: 0, mean_average_precision_at_r: 0 });
    } finally {
      await thread.close();
    }
  });

  it('refuses labels that occur once each', async () => {
    const thread = new ComputeThread(cpu);
    try {
      await expect(measureEmbeddings(thread, circle([0, 90]), 2, Int32Array.of(0, 1))).rejects.toThrow(
        'no class has two',
      );
    } finally {
      await thread.close();
    }
  });
});
