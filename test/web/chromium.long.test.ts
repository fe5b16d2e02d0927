/** The built library in a real browser, without a bundler. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { WebVariantName } from '../../src/graph/artifacts/web-model.js';
import type { LoadOptions } from '../../src/web/index.js';
import type { TestServer } from '../helpers/chromium.js';
import { chromiumPath, launchChromium, needsChromium } from '../helpers/chromium.js';
import { pattern, temporaryFolder, writeFiles } from '../runner/data/images.js';
import type { PageGlobals } from './page.js';
import { openPage, servePage } from './page.js';
import type { SmallModel } from './small-model.js';
import { cosine, largestCosine, makeSmallModel } from './small-model.js';

const folder = temporaryFolder();
let small: SmallModel;
let servers: Record<'plain' | 'isolated', TestServer>;
let browser: Browser;
let gpuBrowser: Browser;

async function hugePng(): Promise<Buffer> {
  const png = await pattern(8, 8).png().toBuffer();
  png.writeUInt32BE(10_000, 16);
  png.writeUInt32BE(10_000, 20);
  return png;
}

/** Loads the model in the page and embeds the images at these URLs. */
const embedIn = (page: Page, options: LoadOptions, urls: string[]) =>
  page.evaluate(
    async (given) => {
      const { EmbeddingModel } = (globalThis as unknown as PageGlobals).dws;
      const model = await EmbeddingModel.load('/model', given.options);
      const embeddings = (await model.embedBatch(given.urls)).map((embedding) => Array.from(embedding));
      const { threads, threadLimit, device } = model;
      await model.dispose();
      return { embeddings, threads, threadLimit, device };
    },
    { options, urls },
  );

/** The code and message of what the page's library refuses, or undefined. */
const refusalIn = (page: Page, make: string) =>
  page.evaluate(async (code) => {
    const { EmbeddingModel, readImage } = (globalThis as unknown as PageGlobals).dws;
    const run = new Function('EmbeddingModel', 'readImage', `return (async () => ${code})()`);
    return (run(EmbeddingModel, readImage) as Promise<unknown>).then(
      () => undefined,
      ({ name, code: word, message }: { name: string; code: string; message: string }) => ({
        name,
        code: word,
        message,
      }),
    );
  }, make);

describe.skipIf(!chromiumPath)(`dws/web in Chromium${needsChromium}`, () => {
  beforeAll(async () => {
    small = await makeSmallModel(folder.path, ['fp16', 'int8']);
    await writeFiles(folder.path, {
      'bad/text.png': 'no image',
      'bad/empty.png': '',
      'bad/drawing.svg': '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
      'bad/huge.png': await hugePng(),
    });
    servers = { plain: await servePage(folder.path), isolated: await servePage(folder.path, { isolated: true }) };
    [browser, gpuBrowser] = await Promise.all([launchChromium(), launchChromium({ webgpu: true })]);
  });
  afterAll(async () => {
    await Promise.all([browser?.close(), gpuBrowser?.close(), servers?.plain.close(), servers?.isolated.close()]);
  });

  const urlsOf = (names: Iterable<string>) => Array.from(names, (name) => `/images/${name}`);

  /** The lowest cosine to `dws embed` that counts as the same, by the form of the weights. */
  const least: Record<WebVariantName, number> = { fp32: 0.9999, fp16: 0.999, int8: 0.999 };

  function expectAgreement(
    embeddings: readonly number[][],
    expected: Map<string, Float32Array>,
    variant: WebVariantName = 'fp32',
  ): void {
    expect(largestCosine(expected.values())).toBeLessThan(0.9995);
    [...expected].forEach(([name, values], i) => {
      expect(cosine(embeddings[i]!, values), name).toBeGreaterThan(least[variant]);
    });
  }

  interface Setup {
    name: string;
    isolated: boolean;
    options: LoadOptions;
    threads: number;
    images?: string[];
  }
  const setups: Setup[] = [
    { name: 'wasm with one thread', isolated: false, options: { device: 'wasm' }, threads: 1 },
    { name: 'wasm with two threads', isolated: true, options: { device: 'wasm', threads: 2 }, threads: 2 },
    { name: 'wasm, fp16', isolated: false, options: { device: 'wasm', variant: 'fp16' }, threads: 1 },
    { name: 'wasm, int8', isolated: false, options: { device: 'wasm', variant: 'int8' }, threads: 1 },
    {
      name: 'WebGPU',
      isolated: false,
      options: { device: 'webgpu' },
      threads: 1,
      // Without a graphics processor an image takes seconds.
      images: ['icons/small.png', 'icons/tall.png', 'alpha/half.png'],
    },
  ];
  it.each(setups)(
    'embeds on $name as dws embed does',
    async ({ isolated, options, threads, images = [...small.expected.keys()] }) => {
      const chosen = options.device === 'webgpu' ? gpuBrowser : browser;
      const { page, problems } = await openPage(chosen, servers[isolated ? 'isolated' : 'plain']);
      const result = await embedIn(page, options, urlsOf(images));
      const expected = new Map(images.map((name) => [name, small.expected.get(name)!]));
      expectAgreement(result.embeddings, expected, options.variant);
      expect(result).toMatchObject({ threads, device: options.device });
      expect(problems).toEqual([]);
      await page.close();
    },
    300_000,
  );

  it.each(['plain', 'isolated'] as const)('embeds in a module worker (%s), which has no import map', async (which) => {
    const { page, problems } = await openPage(browser, servers[which]);
    const names = ['icons/wide.png', 'alpha/half.png', 'other/turned.jpg'];
    const answers = await page.evaluate(
      async (given) => {
        const worker = new Worker('/page/worker.js', { type: 'module' });
        const images = await Promise.all(given.urls.map(async (url) => (await fetch(url)).blob()));
        const ask = (image: Blob) =>
          new Promise<{ embedding?: Float32Array; threads?: number; error?: string }>((resolve) => {
            worker.onmessage = ({ data }) => resolve(data as never);
            worker.postMessage({ url: '/model/', options: { threads: 2 }, image });
          });
        const all = [];
        for (const image of images) all.push(await ask(image));
        worker.terminate();
        return all.map(({ embedding, ...rest }) => ({ ...rest, embedding: Array.from(embedding ?? []) }));
      },
      { urls: urlsOf(names) },
    );
    expect(answers.map(({ error }) => error)).toEqual([undefined, undefined, undefined]);
    const expected = new Map(names.map((name) => [name, small.expected.get(name)!]));
    expectAgreement(
      answers.map(({ embedding }) => embedding),
      expected,
    );
    expect(answers[0]!.threads).toBe(which === 'isolated' ? 2 : 1);
    expect(problems).toEqual([]);
    await page.close();
  });

  it('takes images in every form that a page has them in', async () => {
    const { page, problems } = await openPage(browser, servers.plain);
    const pixels = await page.evaluate(async (url) => {
      const { readImage } = (globalThis as unknown as PageGlobals).dws;
      const blob = await (await fetch(url)).blob();
      const bitmap = await createImageBitmap(blob);
      const { width, height } = bitmap;
      const element = new Image();
      element.src = url;
      const canvas = document.createElement('canvas');
      const offscreen = new OffscreenCanvas(width, height);
      Object.assign(canvas, { width, height });
      for (const each of [canvas, offscreen])
        (each.getContext('2d') as CanvasRenderingContext2D).drawImage(bitmap, 0, 0);
      const data = offscreen.getContext('2d')!.getImageData(0, 0, width, height);
      const sources = [
        blob,
        new File([blob], 'a.png'),
        url,
        new URL(url, location.href),
        bitmap,
        element,
        canvas,
        offscreen,
        data,
      ];
      const read = [];
      for (const source of sources) read.push(await readImage(source));
      // The caller's bitmap stays open.
      return {
        open: bitmap.width > 0,
        read: read.map((image) => [image.width, image.height, ...image.data.slice(0, 4000)]),
      };
    }, '/images/alpha/clear.png');
    const [first, ...others] = pixels.read;
    expect(first!.slice(0, 2)).toEqual([90, 110]);
    expect(pixels.open).toBe(true);
    for (const other of others) {
      // A canvas holds premultiplied colors: half-transparent ones lose a bit.
      const difference = Math.max(...other.map((value, i) => Math.abs(value - first![i]!)));
      expect(difference).toBeLessThanOrEqual(2);
    }
    expect(problems).toEqual([]);
    await page.close();
  });

  const refusals: [string, string, { code: string; message: RegExp }][] = [
    ['text', `readImage(await (await fetch('/bad/text.png')).blob())`, { code: 'not-an-image', message: /no image/ }],
    ['an empty file', `readImage(new File([], 'a.png'))`, { code: 'not-an-image', message: /empty/ }],
    ['an SVG', `readImage('/bad/drawing.svg')`, { code: 'not-an-image', message: /SVG/ }],
    ['100 megapixels', `readImage('/bad/huge.png')`, { code: 'too-large', message: /100 megapixels/ }],
    ['no model', `EmbeddingModel.load('/nowhere')`, { code: 'network', message: /404/ }],
    ['no WebGPU', `EmbeddingModel.load('/model', { device: 'webgpu' })`, { code: 'no-webgpu', message: /WebAssembly/ }],
  ];
  it.each(refusals)('refuses %s in words for people', async (_, make, { code, message }) => {
    const { page } = await openPage(browser, servers.plain);
    expect(await refusalIn(page, make)).toMatchObject({
      name: 'DwsWebError',
      code,
      message: expect.stringMatching(message),
    });
    await page.close();
  });

  it('says when it is offline', async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(`${servers.plain.origin}/page/`);
    await page.waitForFunction(() => 'dws' in globalThis);
    await context.setOffline(true);
    expect(await refusalIn(page, `EmbeddingModel.load('/model')`)).toMatchObject({
      code: 'network',
      message: expect.stringMatching(/dws\.json can't be fetched .*: this device is offline/),
    });
    await context.close();
  });
});
