/**
 * npm run bench -- precision [--data data/icons] [--steps 150] [--seeds 0,1,2] [--size 64] [--batch 40]
 *
 * Trainings of a ResNet-18 on icons from the same first state: in float32, in mixed precision, and in mixed precision with a loss that
 * is not scaled. Prints Recall@1 before and after, the last losses, and the steps that were left out; as Markdown. Wants the icons of the
 * quick start. Exit code 1 when float32 does not gain .05, or mixed precision ends further from it than the seeds are apart.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { Precision } from '../../src/graph/options.js';
import { describeNetwork } from '../../src/graph/step/describe.js';
import { loadCheckpoint, saveCheckpoint } from '../../src/runner/checkpoints/checkpoint.js';
import { train } from '../../src/runner/jobs/train.js';
import type { TrainOptions } from '../../src/runner/options/train-options.js';
import { readMetrics } from '../../src/runner/training/metrics-file.js';

const kinds = {
  float32: { precision: 'fp32', scale: undefined },
  mixed: { precision: 'fp16', scale: undefined },
  'mixed, not scaled': { precision: 'fp16', scale: 1 },
} as const satisfies Record<string, { precision: Precision; scale: number | undefined }>;

type Kind = keyof typeof kinds;

interface Ended {
  before: number;
  after: number;
  loss: number;
  skipped: number;
}

const lastLosses = 20;
const leastGain = 0.05;

/** The first state, with another scale of the loss: a step without a learning rate is what writes one. */
async function firstCheckpoint(folder: string, options: TrainOptions, scale: number): Promise<string> {
  const out = path.join(folder, 'first');
  await train({ ...options, out, epochs: 1, batchNum: 1, lr: 0, lrBeta: 0, evalEvery: 0 });
  const { metadata, state } = await loadCheckpoint(path.join(out, 'checkpoint.safetensors'));
  state['loss_scale']!.set([scale, 0]);
  const file = path.join(folder, 'first.safetensors');
  const position = { epoch: 0, epochStep: 0, step: 0, best: null };
  await saveCheckpoint(file, {
    layout: describeNetwork(metadata.options),
    state,
    metadata: { ...metadata, ...position },
  });
  return file;
}

async function trained(options: TrainOptions, { precision, scale }: (typeof kinds)[Kind]): Promise<Ended> {
  const folder = await mkdtemp(path.join(tmpdir(), 'dws-precision-'));
  try {
    const all = { ...options, precision };
    const resume = scale === undefined ? undefined : await firstCheckpoint(folder, all, scale);
    const out = path.join(folder, 'run');
    await train({ ...all, out, resume });
    const lines = await readMetrics(path.join(out, 'metrics.jsonl'));
    const recalls = lines.flatMap((line) => (line.kind === 'eval' ? [line.recall['1']!] : []));
    const steps = lines.flatMap((line) => (line.kind === 'step' ? [line] : []));
    const losses = steps.slice(-lastLosses).map(({ loss }) => loss ?? NaN);
    return {
      before: resume === undefined ? recalls[0]! : NaN,
      after: recalls.at(-1)!,
      loss: losses.reduce((a, b) => a + b) / losses.length,
      skipped: steps.filter(({ skipped }) => skipped).length,
    };
  } finally {
    await rm(folder, { recursive: true });
  }
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b) / values.length;
const spread = (values: readonly number[]): number => Math.max(...values) - Math.min(...values);

export async function benchPrecision(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      data: { type: 'string', default: 'data/icons' },
      steps: { type: 'string', default: '150' },
      seeds: { type: 'string', default: '0,1,2' },
      size: { type: 'string', default: '64' },
      batch: { type: 'string', default: '40' },
      threads: { type: 'string', default: '2' },
    },
  });
  const options: TrainOptions = {
    ...{
      dataPath: values.data,
      model: 'resnet18',
      imageSize: Number(values.size),
      batchSize: Number(values.batch),
      batchK: 5,
    },
    ...{ optimizer: 'adam', lr: 3e-4, weightDecay: 1e-4, steps: [], epochs: 1, batchNum: Number(values.steps) },
    ...{ cache: 'ram', evalEvery: 1, threads: Number(values.threads) },
  };
  const ended = Object.fromEntries(Object.keys(kinds).map((kind) => [kind, [] as Ended[]])) as Record<Kind, Ended[]>;
  console.log(`ResNet-18, ${values.size} px, batch ${values.batch}, ${values.steps} steps of Adam at 3e-4\n`);
  console.log(`| | seed | Recall@1 before | after | mean of the last ${lastLosses} losses | steps left out |`);
  console.log('|---|---:|---:|---:|---:|---:|');
  for (const seed of values.seeds.split(',').map(Number))
    for (const kind of Object.keys(kinds) as Kind[]) {
      const one = await trained({ ...options, seed }, kinds[kind]);
      ended[kind].push(one);
      const before = Number.isNaN(one.before) ? 'the same' : one.before.toFixed(4);
      console.log(
        `| ${kind} | ${seed} | ${before} | ${one.after.toFixed(4)} | ${one.loss.toFixed(4)} | ${one.skipped} |`,
      );
    }
  const gain = mean(ended.float32.map(({ before, after }) => after - before));
  const problems = gain < leastGain ? [`float32 gains ${gain.toFixed(4)}`] : [];
  for (const key of ['after', 'loss'] as const) {
    const wide = ended.float32.map((one) => one[key]);
    const apart = Math.abs(mean(ended.mixed.map((one) => one[key])) - mean(wide));
    const unscaled = Math.abs(mean(ended['mixed, not scaled'].map((one) => one[key])) - mean(wide));
    const name = key === 'after' ? 'Recall@1' : 'the last losses';
    console.log(
      `\n${name}: mixed precision is ${apart.toFixed(4)} from float32, without a scaled loss ${unscaled.toFixed(4)}; float32's seeds are ${spread(wide).toFixed(4)} apart.`,
    );
    if (apart > spread(wide)) problems.push(`${name} of mixed precision is ${apart.toFixed(4)} off`);
  }
  if (problems.length > 0) throw new Error(problems.join('; '));
}
