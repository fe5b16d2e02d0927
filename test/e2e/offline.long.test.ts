/** The page after its server is gone, and when the server has another model than before. */
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import path from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DemoServer } from '../../src/runner/shipping/demo-server.js';
import { serveDemo } from '../../src/runner/shipping/demo-server.js';
import { makeGallery } from '../../src/runner/shipping/gallery.js';
import { exportWeb } from '../../src/runner/shipping/web-export.js';
import { seriousFaults } from '../helpers/axe.js';
import { chromiumPath, launchChromium, needsChromium, serve } from '../helpers/chromium.js';
import { temporaryFolder } from '../runner/data/images.js';
import { writeCheckpoint } from '../web/small-model.js';
import { buildPage, give, isReady, listen, notice, poll, shots, visit } from './demo-page.js';
import { makeWebFolder, picture } from './web-folder.js';

const folder = temporaryFolder();
const inFolder = (...names: string[]) => path.join(folder.path, ...names);
const servers = new Set<{ close(): Promise<void> }>();
let browser: Browser;
let image: Buffer;

beforeAll(async () => {
  if (!chromiumPath) return;
  await mkdir(shots, { recursive: true });
  [browser] = await Promise.all([launchChromium(), buildPage(inFolder('page')), makeWebFolder(folder.path)]);
  image = await picture(2, 99, 150).png().toBuffer();
  // Another model of the same size, and its gallery of the same images.
  const common = { workers: 0, threads: 1 };
  await writeCheckpoint(inFolder('other.safetensors'), { seed: 4 });
  await exportWeb(inFolder('other.safetensors'), inFolder('other'), common);
  await makeGallery(inFolder('other.safetensors'), [inFolder('data')], inFolder('other/gallery'), common);
}, 240_000);

afterAll(async () => {
  await browser?.close();
  await Promise.all([...servers].map((server) => server.close()));
});

async function start(web = 'web', port = 0): Promise<DemoServer> {
  const server = await serveDemo(inFolder(web), { host: '127.0.0.1', port, page: inFolder('page') });
  servers.add(server);
  return server;
}

async function stop(server: { close(): Promise<void> }): Promise<void> {
  servers.delete(server);
  await server.close();
}

const offline = (page: Page) => page.locator('#facts > div', { hasText: /^Offline/ }).locator('dd');
const isKept = (page: Page) => poll(() => offline(page).textContent()).toBe('starts without its server');

async function again(context: BrowserContext, url: string) {
  const page = await context.newPage();
  const complaints: string[] = [];
  listen(page, complaints);
  await page.goto(url);
  return { page, complaints };
}

/** Searches with the image. @returns the distances that are shown */
async function search(page: Page): Promise<string[]> {
  await isReady(page);
  await give(page, 'new.png', image);
  await page.locator('#results-list .distance').first().waitFor();
  return page.locator('#results-list .distance').allTextContents();
}

const modelCaches = (page: Page) =>
  page.evaluate(async () => (await caches.keys()).filter((name) => name.includes(' model ')));

/** What is on the first thumbnail: whether its sheet came. */
const isDrawn = (page: Page) =>
  page
    .locator('#results-list canvas')
    .first()
    .evaluate((canvas: HTMLCanvasElement) =>
      canvas
        .getContext('2d')!
        .getImageData(0, 0, canvas.width, canvas.height)
        .data.some((value) => value > 0),
    );

describe.skipIf(!chromiumPath)(`after one visit${needsChromium}`, () => {
  it('the page starts, searches, shows its images and learns with the server gone, with threads', async () => {
    const server = await start();
    const { context, page, complaints } = await visit(browser, server);
    const online = await search(page);
    await isKept(page);
    await page.close();
    await stop(server);

    const later = await again(context, server.url);
    expect(await search(later.page)).toEqual(online);
    await poll(() => isDrawn(later.page)).toBe(true);
    expect(await later.page.locator('#time-device').textContent()).toBe('WebAssembly, 4 threads');
    expect(await later.page.locator('#map-section').isVisible()).toBe(true);
    await poll(() => offline(later.page).textContent()).toBe('in use: the server can’t be reached');
    for (const label of [0, 1]) {
      const files = [0, 1].map((i) => inFolder(`data/class-${label}/${i}.png`));
      await later.page.locator('.learn-box').nth(label).locator('input[type=file]').setInputFiles(files);
    }
    const teach = later.page.getByRole('button', { name: 'Teach', exact: true });
    await poll(() => teach.isEnabled()).toBe(true);
    await teach.click();
    await later.page.locator('.learn-summary').waitFor();
    expect(await seriousFaults(later.page)).toEqual([]);
    await later.page.screenshot({ path: path.join(shots, 'offline.png'), fullPage: true });
    expect([...complaints, ...later.complaints]).toEqual([]);
    await context.close();
  });

  it('another model takes the place of the old one as a whole, and is told of', async () => {
    const first = await start();
    const port = Number(new URL(first.url).port);
    const { context, page } = await visit(browser, first);
    const old = await search(page);
    await isKept(page);
    const oldCaches = await modelCaches(page);
    expect(oldCaches).toHaveLength(1);
    await page.close();

    // It runs on what is kept.
    const running = await again(context, first.url);
    expect(await search(running.page)).toEqual(old);
    await stop(first);
    const second = await start('other', port);
    await running.page.evaluate(() => dispatchEvent(new Event('online')));
    await notice(running.page, 'newer').waitFor();
    expect(await notice(running.page, 'newer').textContent()).toMatch(/newer model.*Reload/s);
    await running.page.screenshot({ path: path.join(shots, 'newer.png') });
    // Loading the model once more is loading the same.
    await running.page.locator('#device').selectOption('webgpu');
    await notice(running.page, 'device').waitFor();
    await poll(() => running.page.locator('#device').inputValue()).toBe('wasm');
    expect(await search(running.page)).toEqual(old);

    await notice(running.page, 'newer').getByRole('button', { name: 'Reload' }).click();
    await poll(() => notice(running.page, 'newer').count()).toBe(0);
    const fresh = await search(running.page);
    expect(fresh).not.toEqual(old);
    await isKept(running.page);
    await poll(async () => (await modelCaches(running.page)).length).toBe(1);
    expect(await modelCaches(running.page)).not.toEqual(oldCaches);
    expect(running.complaints).toEqual([]);
    await running.page.close();
    await stop(second);

    const later = await again(context, first.url);
    expect(await search(later.page)).toEqual(fresh);
    expect(later.complaints).toEqual([]);
    await context.close();
  });

  it('a model that an open page began with stays until that is closed', async () => {
    const first = await start();
    const { context, page } = await visit(browser, first);
    await isKept(page);
    const running = await again(context, first.url);
    const old = await search(running.page);
    await stop(first);
    await start('other', Number(new URL(first.url).port));
    await page.reload();
    await isKept(page);
    expect(await modelCaches(page)).toHaveLength(2);
    expect(await search(running.page)).toEqual(old);
    await running.page.close();
    await page.reload();
    await isKept(page);
    await poll(async () => (await modelCaches(page)).length).toBe(1);
    await context.close();
  });

  it('another build of the page takes the place of the old one, with its runtime', async () => {
    const first = await start();
    const { context, page } = await visit(browser, first);
    await isKept(page);
    await page.close();
    await stop(first);
    await cp(inFolder('page'), inFolder('newer-page'), { recursive: true });
    for (const [file, before, after] of [
      ['index.html', '<title>Find', '<title>Newly find'],
      ['service-worker.js', '"build":"', '"build":"newer'],
    ] as const) {
      const text = await readFile(inFolder('newer-page', file), 'utf8');
      expect(text).toContain(before);
      await writeFile(inFolder('newer-page', file), text.replace(before, after));
    }
    const second = await serveDemo(inFolder('web'), {
      host: '127.0.0.1',
      port: Number(new URL(first.url).port),
      page: inFolder('newer-page'),
    });
    servers.add(second);
    const renewed = await again(context, first.url);
    expect(await renewed.page.title()).toMatch(/^Newly find/);
    const runtimes = () =>
      renewed.page.evaluate(async () => {
        const names = (await caches.keys()).filter((name) => name.includes(' page '));
        const files = await Promise.all(names.map(async (name) => (await caches.open(name)).keys()));
        return files.map((requests) => requests.filter(({ url }) => url.includes('/ort/')).length);
      });
    await poll(() => renewed.page.evaluate(async () => (await caches.keys()).join())).toMatch(/ page newer/);
    await poll(runtimes).toEqual([2]);
    await renewed.page.close();
    await stop(second);
    const later = await again(context, first.url);
    expect(await later.page.title()).toMatch(/^Newly find/);
    expect(await search(later.page)).toHaveLength(12);
    expect([...renewed.complaints, ...later.complaints]).toEqual([]);
    await context.close();
  });

  it('below paths of another server, two of them, each with its own', async () => {
    for (const web of ['web', 'other']) {
      await cp(inFolder('page'), inFolder('site', web), { recursive: true });
      await cp(inFolder(web), inFolder('site', web), { recursive: true });
      await cp('node_modules/onnxruntime-web/dist', inFolder('site', web, 'ort'), { recursive: true });
    }
    const server = await serve(
      { '/some/where/': inFolder('site/web'), '/some/where/else/': inFolder('site/other') },
      { isolated: true },
    );
    servers.add(server);
    const urls = ['/some/where/', '/some/where/else/'].map((place) => server.origin + place);
    const context = await browser.newContext();
    const online: string[][] = [];
    for (const url of urls) {
      const { page } = await again(context, url);
      online.push(await search(page));
      await isKept(page);
      await page.close();
    }
    expect(online[0]).not.toEqual(online[1]);
    await stop(server);
    for (const [i, url] of urls.entries()) {
      const { page, complaints } = await again(context, `${url}?query#place`);
      expect(await search(page)).toEqual(online[i]);
      expect(await page.locator('#time-device').textContent()).toBe('WebAssembly, 4 threads');
      expect(complaints).toEqual([]);
      await page.close();
    }
    await context.close();
  });
});

describe.skipIf(!chromiumPath)(`where nothing can be kept, the page works as without${needsChromium}`, () => {
  it('storage is full: said in one line', async () => {
    const server = await start();
    const context = await browser.newContext();
    const page = await context.newPage();
    const complaints: string[] = [];
    listen(page, complaints);
    const session = await context.newCDPSession(page);
    const { origin } = new URL(server.url);
    await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 2_000_000 });
    await page.goto(server.url);
    expect(await search(page)).toHaveLength(12);
    await poll(() => offline(page).textContent()).toBe('not kept: the browser has no room for it');
    expect(await modelCaches(page)).toEqual([]);
    expect(complaints).toEqual([]);
    await context.close();
  });

  const address = Object.values(networkInterfaces())
    .flatMap((found) => found ?? [])
    .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;

  it.skipIf(address === undefined)('an address without https', async () => {
    const server = await serveDemo(inFolder('web'), { host: '0.0.0.0', port: 0, page: inFolder('page') });
    servers.add(server);
    const url = server.url.replace('127.0.0.1', address!);
    const { context, page } = await visit(browser, { url });
    expect(await page.evaluate(() => 'serviceWorker' in navigator)).toBe(false);
    expect(await search(page)).toHaveLength(12);
    expect(await offline(page).count()).toBe(0);
    await context.close();
  });
});
