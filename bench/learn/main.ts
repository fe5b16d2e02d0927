/**
 * npm run bench -- learn --web DIR --data-path DATA [--tasks N]
 *
 * The head of a model of `dws export --web` learns in Chromium: steps a second, the gradient beside Node.js's, memory, and what
 * learning is worth: N times 4 classes with 3 images each to learn from and 3 others to try, drawn at random or one class with the
 * three that look most like it.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Tensor } from 'onnxruntime-node';
import type { Page } from 'playwright-core';
import type { HeadTrainingOptions } from '../../src/graph/artifacts/head-training.js';
import { buildHeadGradientModel } from '../../src/graph/artifacts/head-training.js';
import { Philox } from '../../src/graph/state/philox.js';
import { openImageFolder } from '../../src/runner/data/folder.js';
import { openSession } from '../../src/runner/compute/session.js';
import { watchMemory } from '../../test/helpers/browser-memory.js';
import { bundlePage } from '../../test/helpers/bundle.js';
import { launchChromium, serve } from '../../test/helpers/chromium.js';
import type { LearnBenchPage, TaskImage, TaskResult } from './page.js';
import { alike, drawClasses } from './tasks.js';

declare const page: LearnBenchPage;

const shape = { classes: 4, taught: 3, fresh: 3 };
const steps = 200;

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const percent = (value: number): string => `${(100 * value).toFixed(1)} %`;
const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(2);

const openTab = async (tab: Page, origin: string) => {
  await tab.goto(origin);
  await tab.waitForFunction(() => 'page' in globalThis);
  return tab.evaluate(() => page.load());
};

/** The largest difference of the two gradients of one batch, relative to the largest value. */
async function gradientDifference(
  tab: Page,
  head: { featDim: number; embedDim: number; params: number[] },
  rows: readonly number[][],
): Promise<number> {
  const batchK = rows.length / shape.classes;
  const batchSize = rows.length;
  const options: HeadTrainingOptions = {
    featDim: head.featDim,
    embedDim: head.embedDim,
    batchSize,
    batchK,
    classes: shape.classes,
    margin: 0.2,
    nu: 0,
    learnBeta: true,
    normalizeWeights: false,
    optimizer: 'adam',
    momentum: 0,
    weightDecay: 1e-4,
  };
  const uniforms = new Philox(1, 'sampling').fillUnit(new Float32Array(batchSize * (batchK - 1)));
  const feeds = {
    features: { data: rows.flat(), dims: [batchSize, head.featDim] },
    labels: { data: rows.map((_, i) => Math.floor(i / batchK)), dims: [batchSize] },
    uniforms: { data: Array.from(uniforms), dims: [batchSize, batchK - 1] },
    params: { data: head.params, dims: [head.params.length] },
    beta: { data: Array.from({ length: shape.classes }, () => 1.2), dims: [shape.classes] },
  };
  const there = await tab.evaluate(([o, f]) => page.gradient(o, f), [options, feeds] as const);
  const session = await openSession(buildHeadGradientModel(options), { device: 'cpu', deviceId: 0, threads: 1 });
  const tensors = Object.entries(feeds).map(([name, { data, dims }]) => [
    name,
    name === 'labels' ? new Tensor('int32', Int32Array.from(data), dims) : new Tensor('float32', data, dims),
  ]);
  const out = await session.run(Object.fromEntries(tensors) as Record<string, Tensor>);
  const here = out['gradients']!.data as Float32Array;
  await session.release();
  const largest = here.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return here.reduce((most, value, i) => Math.max(most, Math.abs(value - there[i]!)), 0) / largest;
}

function report(name: string, results: readonly TaskResult[]): void {
  const both = (of: (result: TaskResult) => readonly [number, number]) =>
    [0, 1].map((turn) => percent(mean(results.map((result) => of(result)[turn]!)))).join(' | ');
  const losses = (place: number) => mean(results.map((result) => result.losses.at(place)!)).toFixed(3);
  const rate = mean(results.map(({ milliseconds }) => (1000 * steps) / milliseconds)).toFixed(0);
  const cells = [both(({ taught }) => taught), both(({ fresh }) => fresh), losses(0), losses(-1), rate];
  console.log(`| ${name} | ${cells.join(' | ')} |`);
}

export async function benchLearn(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      web: { type: 'string' },
      'data-path': { type: 'string' },
      tasks: { type: 'string', default: '20' },
    },
  });
  if (!values.web || !values['data-path']) throw new Error('give --web DIR and --data-path DATA');
  const set = await openImageFolder(values['data-path'], 'val');
  const classes = drawClasses(set, 6 * Number(values.tasks), shape);
  const folder = await mkdtemp(path.join(tmpdir(), 'dws-bench-learn-'));
  await bundlePage('bench/learn/page.ts', folder);
  const server = await serve({
    '/': folder,
    '/web/': values.web,
    '/data/': set.root,
    '/ort/': 'node_modules/onnxruntime-web/dist',
  });
  const browser = await launchChromium();
  try {
    const tab = await browser.newPage();
    const memory = await watchMemory(tab);
    const head = await openTab(tab, server.origin);
    const features: number[][][] = [];
    for (const images of classes) features.push(await tab.evaluate((task) => page.features(task), images));

    const batch = features.slice(0, shape.classes).flatMap((rows) => rows.slice(0, shape.taught));
    const difference = await gradientDifference(tab, head, batch);
    console.log(`gradient: largest difference to Node.js ${difference.toExponential(1)} of the largest value\n`);

    const run = async (task: TaskImage[]) => tab.evaluate(([t, n]) => page.run(t, n), [task, steps] as const);
    console.log('| classes | taught, before | after | new, before | after | first loss | last loss | steps a second |');
    console.log('| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |');
    const places = Array.from({ length: Number(values.tasks) }, (_, i) => i);
    const kinds: Record<string, (task: number) => number[]> = {
      random: (task) => places.slice(0, shape.classes).map((i) => (task * shape.classes + i) % classes.length),
      alike: (task) => alike(features, task, shape.classes),
    };
    for (const [name, pick] of Object.entries(kinds)) {
      const results: TaskResult[] = [];
      for (const task of places) results.push(await run(pick(task).flatMap((place) => classes[place]!)));
      report(name, results);
    }

    console.log('\n| steps | WebAssembly MiB | JavaScript MiB |\n| ---: | ---: | ---: |');
    await tab.reload();
    await openTab(tab, server.origin);
    const task = kinds['alike']!(0).flatMap((place) => classes[place]!);
    await tab.evaluate(([t, n]) => page.run(t, n), [task, 0] as const);
    let done = 0;
    for (const until of [0, 100, 500, 1000]) {
      await tab.evaluate((n) => page.train(n), until - done);
      done = until;
      const { wasm, javascript } = await memory();
      console.log(`| ${until} | ${mebibytes(wasm)} | ${mebibytes(javascript)} |`);
    }
  } finally {
    await browser.close();
    await server.close();
    await rm(folder, { recursive: true, force: true });
  }
}
