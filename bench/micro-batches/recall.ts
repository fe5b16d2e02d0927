/**
 * What a batch of 2,000 finds, in pieces, beside one of 80: trainings on the icons that see the same number of images. Each batch takes the rate of
 * the given ones that comes to most with the first seed, then all seeds.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { train } from '../../src/runner/jobs/train.js';
import { readMetrics } from '../../src/runner/training/metrics-file.js';

export interface RecallOptions {
  data: string;
  model: string;
  /** Seen by a training. */
  images: number;
  rates: readonly number[];
  seeds: readonly number[];
}

interface Batch {
  batchSize: number;
  microBatch?: number;
}

const batches: readonly Batch[] = [{ batchSize: 80 }, { batchSize: 2000, microBatch: 100 }];

async function recallOf({ batchSize, microBatch }: Batch, lr: number, seed: number, options: RecallOptions) {
  const out = await mkdtemp(path.join(tmpdir(), 'dws-recall-'));
  const began = Date.now();
  try {
    await train({
      ...{ dataPath: options.data, out, cache: 'ram', threads: 2, seed },
      ...{ model: options.model, imageSize: 64, featDim: 512, embedDim: 128, batchSize, batchK: 5, microBatch },
      ...{ optimizer: 'adam', lr, weightDecay: 1e-4, lrBeta: 0.1, steps: [] },
      ...{ epochs: 1, batchNum: Math.round(options.images / batchSize), evalEvery: 1 },
    });
    const lines = await readMetrics(path.join(out, 'metrics.jsonl'));
    const found = lines.flatMap((line) => (line.kind === 'eval' ? [line.recall['1']!] : []));
    const [before, after] = [found[0]!, found.at(-1)!];
    const minutes = (Date.now() - began) / 60_000;
    const cells = [batchSize, lr, seed, before.toFixed(4), after.toFixed(4), minutes.toFixed(1)];
    console.log(`| ${cells.join(' | ')} |`);
    return after;
  } finally {
    await rm(out, { recursive: true });
  }
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b) / values.length;

/** Prints a table, and the mean over seeds of each batch. */
export async function compareRecall(options: RecallOptions): Promise<void> {
  const [first, ...others] = options.seeds;
  console.log(`${options.model}, 64 px, ${options.images} images, Adam\n`);
  console.log('| batch | rate | seed | Recall@1 before | after | minutes |');
  console.log('| ---: | ---: | ---: | ---: | ---: | ---: |');
  const told: string[] = [];
  for (const batch of batches) {
    const tried = new Map<number, number>();
    for (const rate of options.rates) tried.set(rate, await recallOf(batch, rate, first!, options));
    const [best, found] = [...tried].reduce((a, b) => (b[1] > a[1] ? b : a));
    const all = [found];
    for (const seed of others) all.push(await recallOf(batch, best, seed, options));
    const range = `${Math.min(...all).toFixed(4)} to ${Math.max(...all).toFixed(4)}`;
    told.push(`- batch ${batch.batchSize} at ${best}: ${mean(all).toFixed(4)}, from ${range}`);
  }
  console.log(`\n${told.join('\n')}`);
}
