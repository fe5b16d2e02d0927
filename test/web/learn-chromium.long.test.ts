/** The head learns in a real browser: bundled as a page would, on ONNX Runtime's WebAssembly. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Tensor } from 'onnxruntime-node';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HeadTrainingOptions } from '../../src/graph/artifacts/head-training.js';
import { buildHeadGradientModel } from '../../src/graph/artifacts/head-training.js';
import { watchMemory } from '../helpers/browser-memory.js';
import type { PageMemory } from '../helpers/browser-memory.js';
import { bundlePage } from '../helpers/bundle.js';
import { chromiumPath, launchChromium, needsChromium, serve } from '../helpers/chromium.js';
import type { TestServer } from '../helpers/chromium.js';
import { relativeError, runModel } from '../helpers/graphs.js';
import { normals, random, randomExamples, randomHead } from './learn-data.js';
import type { LearnPage } from './learn-page.js';

/** As wide as a ResNet-18's head in the quick start. */
const [featDim, embedDim, classes, images] = [512, 128, 3, 4];
const head = randomHead(featDim, embedDim);
const examples = randomExamples(featDim, classes, images);

declare const page: LearnPage;

describe.skipIf(!chromiumPath)(`learning in Chromium${needsChromium}`, () => {
  let folder: string;
  let server: TestServer;
  let browser: Browser;
  let tab: Page;
  let memory: () => Promise<PageMemory>;
  const complaints: string[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'dws-learn-'));
    await bundlePage('test/web/learn-page.ts', folder);
    server = await serve({ '/': folder, '/ort/': 'node_modules/onnxruntime-web/dist' });
    browser = await launchChromium();
    tab = await browser.newPage();
    tab.on('console', (message) => complaints.push(message.text()));
    tab.on('pageerror', (error) => complaints.push(String(error)));
    memory = await watchMemory(tab);
    await tab.goto(server.origin);
    await tab.waitForFunction(() => 'page' in globalThis);
  });

  afterAll(async () => {
    await browser?.close();
    await server?.close();
    await rm(folder, { recursive: true, force: true });
  });

  it.each([true, false])('has the gradient that Node.js computes (beta learned: %s)', async (learnBeta) => {
    const options: HeadTrainingOptions = {
      featDim,
      embedDim,
      classes,
      batchK: images,
      batchSize: classes * images,
      margin: 0.2,
      nu: 0.01,
      learnBeta,
      normalizeWeights: false,
      optimizer: 'adam',
      momentum: 0.9,
      weightDecay: 1e-4,
    };
    const { batchSize, batchK } = options;
    const byClass = examples.toSorted((a, b) => a.label.localeCompare(b.label));
    const feeds = {
      features: byClass.flatMap(({ features }) => [...features]),
      labels: byClass.map(({ label }) => Number(label.at(-1))),
      uniforms: [...random(5).fillUnit(new Float32Array(batchSize * (batchK - 1)))],
      params: [...head.params],
      beta: [1.1, 1.2, 1.3],
    };
    const floats = (values: number[], dims: number[]) => new Tensor('float32', Float32Array.from(values), dims);
    const here = await runModel(buildHeadGradientModel(options), {
      features: floats(feeds.features, [batchSize, featDim]),
      labels: new Tensor('int32', Int32Array.from(feeds.labels), [batchSize]),
      uniforms: floats(feeds.uniforms, [batchSize, batchK - 1]),
      params: floats(feeds.params, [feeds.params.length]),
      beta: floats(feeds.beta, [classes]),
    });
    const there = await tab.evaluate(([o, f]) => page.gradient(o, f), [options, feeds] as const);
    expect(Object.keys(there).sort()).toEqual(Object.keys(here).sort());
    expect(there['loss']![0]).toBeGreaterThan(0.1);
    for (const [name, { data }] of Object.entries(here)) {
      const error = relativeError(there[name]!, data as Float32Array);
      expect(error, `${name}: off by ${error}`).toBeLessThan(1e-4);
    }
  });

  it('lowers the loss, and takes no more memory after 500 steps than after 100', async () => {
    const taught = {
      head: { ...head, params: [...head.params] },
      examples: examples.map(({ label, features }) => ({ label, features: [...features] })),
    };
    await tab.evaluate((given) => page.teach(given), taught);
    const losses = await tab.evaluate(() => page.train(100));
    const after100 = await memory();
    losses.push(...(await tab.evaluate(() => page.train(400))));
    const after500 = await memory();

    expect(losses.length).toBe(500);
    const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(mean(losses.slice(-10))).toBeLessThan(0.2 * mean(losses.slice(0, 10)));
    expect(after100.wasm).toBeGreaterThan(1e6);
    expect(after500.wasm).toBe(after100.wasm);
    expect(after500.javascript - after100.javascript).toBeLessThan(500_000);
  });

  it('goes back to the start', async () => {
    const features = [...normals(featDim, 7)];
    const learned = await tab.evaluate((f) => page.apply(f), features);
    const start = await tab.evaluate((f) => {
      page.reset();
      return page.apply(f);
    }, features);
    expect(relativeError(learned, start)).toBeGreaterThan(0.01);
    await tab.evaluate(() => page.dispose());
  });

  it('leaves the console empty', () => {
    expect(complaints).toEqual([]);
  });
});
