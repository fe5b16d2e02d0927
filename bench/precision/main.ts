/**
 * npm run bench -- precision --gradients
 *
 * Cosines of the gradients of one step with float32's; see `gradients.ts`.
 *
 * npm run bench -- precision --gradients --trained 250 [--models resnet18] [--size 64] [--data data/icons]
 *
 * The same of networks that have learnt for so many steps, on images that they learn from.
 *
 * npm run bench -- precision [--data data/icons] [--classes 100] [--steps 400] [--seeds 0,1,2] [--size 32] [--batch 40]
 *
 * Trainings of a SqueezeNet on the first classes of the icons from the same first state: in float32, and in mixed precision with losses that
 * are scaled and not. Prints Recall@1 before and after, the last losses, and the steps that were left out; as Markdown. Wants the icons of
 * the quick start. Exit code 1 when float32 does not gain .05, when mixed precision is worse by more than the seeds are apart, and when it
 * is not without scaling.
 */
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { Precision } from '../../src/graph/options.js';
import { scaling } from '../../src/graph/parts/state.js';
import { describeNetwork, initialState } from '../../src/graph/step/describe.js';
import { loadCheckpoint, saveCheckpoint } from '../../src/runner/checkpoints/checkpoint.js';
import { train } from '../../src/runner/jobs/train.js';
import type { TrainOptions } from '../../src/runner/options/train-options.js';
import { readMetrics } from '../../src/runner/training/metrics-file.js';
import { compareGradients, compareTrainedGradients } from './gradients.js';

/**
 * A loss of a small weight w, as one among others or a mean over many: Adam takes the same steps by its gradients (with w times its
 * epsilon), and what float16 holds in the backward pass is that of this loss scaled by w. So its scale is planted in place of the weight.
 */
const weight = 2 ** -20;

const kinds = {
  float32: { precision: 'fp32', scale: undefined },
  mixed: { precision: 'fp16', scale: undefined },
  'mixed, not scaled': { precision: 'fp16', scale: 1 },
  'mixed, loss times 2^-20': { precision: 'fp16', scale: scaling.initial * weight },
  'mixed, loss times 2^-20, not scaled': { precision: 'fp16', scale: weight },
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

/** The state that a training of these options begins with, but for the scale of its loss: of a training of a step, what only it knows. */
async function firstCheckpoint(folder: string, options: TrainOptions, scale: number): Promise<string> {
  const out = path.join(folder, 'first');
  await train({ ...options, out, epochs: 1, batchNum: 1, evalEvery: 0 });
  const { metadata } = await loadCheckpoint(path.join(out, 'checkpoint.safetensors'));
  const layout = describeNetwork(metadata.options);
  const state = initialState(metadata.options, metadata.seed, layout);
  state['loss_scale']!.set([scale, 0]);
  const file = path.join(folder, 'first.safetensors');
  const position = { epoch: 0, epochStep: 0, step: 0, best: null };
  await saveCheckpoint(file, { layout, state, metadata: { ...metadata, ...position } });
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
      before: recalls[0]!,
      after: recalls.at(-1)!,
      loss: losses.reduce((a, b) => a + b) / losses.length,
      skipped: steps.filter(({ skipped }) => skipped).length,
    };
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The first classes of a folder of images, all of their images. */
async function firstClasses(data: string, classes: number, folder: string): Promise<string> {
  for (const split of ['train', 'val']) {
    const names = (await readdir(path.join(data, split))).sort().slice(0, classes);
    for (const name of names)
      await cp(path.join(data, split, name), path.join(folder, split, name), { recursive: true });
  }
  return folder;
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b) / values.length;
const spread = (values: readonly number[]): number => Math.max(...values) - Math.min(...values);

/** How much worse some trainings are than others, of what is wanted large, or small. */
const measures = {
  'Recall@1': ({ after }: Ended) => -after,
  'the last losses': ({ loss }: Ended) => loss,
} as const;

/** Kinds that have to come to what float32 comes to, and the one that must not. */
const near: readonly Kind[] = ['mixed', 'mixed, loss times 2^-20'];
const far: Kind = 'mixed, loss times 2^-20, not scaled';

/** What does not hold. */
function compared(ended: Record<Kind, Ended[]>): string[] {
  const gain = mean(ended.float32.map(({ before, after }) => after - before));
  const problems = gain < leastGain ? [`float32 gains ${gain.toFixed(4)}`] : [];
  console.log('');
  for (const kind of Object.keys(kinds) as Kind[]) {
    if (kind === 'float32') continue;
    const short = Object.entries(measures).filter(([name, measure]) => {
      const wide = ended.float32.map(measure);
      const worse = mean(ended[kind].map(measure)) - mean(wide);
      const how = `${Math.abs(worse).toFixed(4)} ${worse > 0 ? 'worse' : 'better'}`;
      console.log(`- ${kind}: ${name} ${how} than in float32, whose seeds are ${spread(wide).toFixed(4)} apart`);
      return !(worse <= spread(wide));
    });
    if (near.includes(kind)) problems.push(...short.map(([name]) => `${kind}: ${name}`));
    if (kind === far && short.length === 0) problems.push(`${kind}: it comes to as much`);
  }
  return problems;
}

export async function benchPrecision(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      data: { type: 'string', default: 'data/icons' },
      classes: { type: 'string', default: '100' },
      steps: { type: 'string', default: '400' },
      seeds: { type: 'string', default: '0,1,2' },
      size: { type: 'string', default: '32' },
      batch: { type: 'string', default: '40' },
      threads: { type: 'string', default: '2' },
      gradients: { type: 'boolean', default: false },
      trained: { type: 'string' },
      models: { type: 'string', default: '' },
    },
  });
  if (values.gradients && values.trained !== undefined) {
    const trained = { data: values.data, steps: Number(values.trained), size: Number(values.size) };
    return compareTrainedGradients(trained, values.models.split(',').filter(Boolean));
  }
  if (values.gradients) return compareGradients();
  const { size, batch, steps, classes } = values;
  const data = await mkdtemp(path.join(tmpdir(), 'dws-precision-data-'));
  try {
    const options: TrainOptions = {
      dataPath: await firstClasses(values.data, Number(classes), data),
      ...{ model: 'squeezenet1_1', dropout: 0, imageSize: Number(size), batchSize: Number(batch), batchK: 5 },
      ...{ optimizer: 'adam', lr: 3e-4, steps: [], epochs: 1, batchNum: Number(steps) },
      ...{ cache: 'ram', evalEvery: 1, threads: Number(values.threads) },
    };
    const ended = Object.fromEntries(Object.keys(kinds).map((kind) => [kind, [] as Ended[]])) as Record<Kind, Ended[]>;
    console.log(`SqueezeNet 1.1, ${size} px, ${classes} classes, batch ${batch}, ${steps} steps of Adam at 3e-4\n`);
    console.log(`| | seed | Recall@1 before | after | mean of the last ${lastLosses} losses | steps left out |`);
    console.log('|---|---:|---:|---:|---:|---:|');
    for (const seed of values.seeds.split(',').map(Number))
      for (const kind of Object.keys(kinds) as Kind[]) {
        const one = await trained({ ...options, seed }, kinds[kind]);
        ended[kind].push(one);
        const { before, after, loss, skipped } = one;
        console.log(
          `| ${kind} | ${seed} | ${before.toFixed(4)} | ${after.toFixed(4)} | ${loss.toFixed(4)} | ${skipped} |`,
        );
      }
    const problems = compared(ended);
    if (problems.length > 0) throw new Error(problems.join('; '));
  } finally {
    await rm(data, { recursive: true });
  }
}
