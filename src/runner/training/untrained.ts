/** Recall@k before the first step of a run that goes on, which its checkpoints do not hold. */
import { dirname, join } from 'node:path';
import { prefixOf } from '../checkpoints/names.js';
import type { Recall } from '../evaluation/retrieval-metrics.js';
import { readMetrics } from './metrics-file.js';

/**
 * What the run's metrics tell of the untrained network.
 *
 * @param file the metrics of the run, as it goes on
 * @param resume the checkpoint that it goes on from: where that lies elsewhere, so do the first metrics
 * @returns undefined where they are gone or damaged, or the run began without an evaluation
 */
export async function recordedUntrained(file: string, resume: string): Promise<Recall | undefined> {
  const beside = join(dirname(resume), `${prefixOf(resume) ?? ''}metrics.jsonl`);
  for (const place of new Set([file, beside])) {
    const lines = await readMetrics(place).catch(() => []);
    const first = lines.find((line) => line.kind === 'eval' && line.step === 0);
    if (first?.kind === 'eval') return first.recall;
  }
  return undefined;
}
