/** A model trained on the middle of larger squares, with a mean of its own, in a page beside `dws embed`. */
import path from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { embedImages } from '../../src/runner/evaluation/embed.js';
import { exportWeb } from '../../src/runner/shipping/web-export.js';
import { EmbeddingModel } from '../../src/web/index.js';
import type { TestServer } from '../helpers/chromium.js';
import { chromiumPath, launchChromium, needsChromium, serve } from '../helpers/chromium.js';
import { writeImageFolder } from '../helpers/images.js';
import { pattern, temporaryFolder, writeFiles } from '../runner/data/images.js';
import { trainSmall } from '../runner/training/train-options.js';
import type { PageGlobals } from './page.js';
import { openPage, servePage } from './page.js';
import { cosine, drawing, inference, onWhite, readRgba } from './small-model.js';

const folder = temporaryFolder();
const at = (...names: string[]) => path.join(folder.path, ...names);

/** Below and above the squares of 40 px, on one axis or both. */
const drawings = {
  'small.png': onWhite(drawing(20, 20, 1)),
  'low.png': onWhite(drawing(90, 14, 2)),
  'narrow.png': onWhite(drawing(17, 70, 3)),
  'same.png': onWhite(drawing(40, 40, 4)),
  'wide.png': onWhite(drawing(300, 111, 5)),
  'tall.png': onWhite(drawing(130, 480, 6)),
  'noise.png': pattern(25, 31, 3, 7),
};
const names = Object.keys(drawings);
const cases = [
  { resize: 'stretch', resizeTo: 40 },
  { resize: 'cover', resizeTo: 41 },
] as const;
const expected = new Map<string, Float32Array[]>();

const embedded = async (run: string, options = {}) => {
  const files = names.map((name) => at('images', name));
  const { embeddings, dim } = await embedImages(at(run, 'checkpoint.safetensors'), files, { ...inference, ...options });
  return names.map((_, i) => embeddings.slice(i * dim, (i + 1) * dim));
};

beforeAll(async () => {
  await writeImageFolder(at('data'));
  await writeFiles(at('images'), drawings);
  for (const { resize, resizeTo } of cases) {
    const normalization = { mean: [0.5, 0.3, 0.1], std: [0.5, 0.25, 0.2] };
    const run = { dataPath: at('data'), out: at(resize), model: 'squeezenet1_1', imageSize: 32, batchNum: 1, lr: 1e-5 };
    await trainSmall({ ...run, resize, resizeTo, ...normalization });
    await exportWeb(at(resize, 'checkpoint.safetensors'), at(`${resize}-web`), { workers: 0, threads: 1 });
    expected.set(resize, await embedded(resize));
  }
});

function expectAgreement(resize: string, embeddings: readonly ArrayLike<number>[]): void {
  for (const [i, values] of expected.get(resize)!.entries())
    expect(cosine(embeddings[i]!, values), names[i]).toBeGreaterThan(0.9999);
}

it.each(cases)('what is done to images is seen in the embeddings: $resize', async ({ resize, resizeTo }) => {
  const all = expected.get(resize)!;
  const others = await embedded(resize, { resizeTo: 32 });
  const lowest = Math.min(...all.map((values, i) => cosine(values, others[i]!)));
  expect(lowest).toBeLessThan(0.9995);
  expectAgreement(resize, await embedded(resize, { resize, resizeTo }));
});

describe('dws/web in Node.js', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await serve({ '/': folder.path });
  });
  afterAll(() => server.close());

  it.each(cases)('embeds as dws embed does: $resize', async ({ resize, resizeTo }) => {
    const model = await EmbeddingModel.load(`${server.origin}/${resize}-web`);
    expect(model.info.preprocessing).toEqual({
      ...{ imageSize: 32, resizeTo, resize, filter: 'triangle', orientation: 'exif', background: '#ffffff' },
      ...{ mean: [0.5, 0.3, 0.1], std: [0.5, 0.25, 0.2] },
    });
    const pixels = await Promise.all(names.map((name) => readRgba(at('images', name))));
    expectAgreement(resize, await model.embedBatch(pixels));
    await model.dispose();
  });
});

describe.skipIf(!chromiumPath)(`dws/web in Chromium${needsChromium}`, () => {
  let server: TestServer;
  let browser: Browser;
  beforeAll(async () => {
    [server, browser] = await Promise.all([servePage(folder.path), launchChromium()]);
  });
  afterAll(() => Promise.all([browser?.close(), server?.close()]));

  it.each(cases)('embeds as dws embed does: $resize', async ({ resize }) => {
    const { page, problems } = await openPage(browser, server);
    const urls = names.map((name) => `/images/${name}`);
    const embeddings = await page.evaluate(
      async (given) => {
        const { EmbeddingModel } = (globalThis as unknown as PageGlobals).dws;
        const model = await EmbeddingModel.load(given.folder);
        return (await model.embedBatch(given.urls)).map((embedding) => Array.from(embedding));
      },
      { folder: `/${resize}-web`, urls },
    );
    expectAgreement(resize, embeddings);
    expect(problems).toEqual([]);
    await page.close();
  });
});
