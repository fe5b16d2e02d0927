/** The whole way, in a real browser: checkpoint -> folder -> gallery -> served page -> an image -> its class. */
import { cp, mkdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import sharp from 'sharp';
import { build } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GalleryInfo } from '../../src/graph/artifacts/gallery.js';
import type { WebModelInfo } from '../../src/graph/artifacts/web-model.js';
import type { DemoServer } from '../../src/runner/shipping/demo-server.js';
import { serveDemo } from '../../src/runner/shipping/demo-server.js';
import { seriousFaults } from '../helpers/axe.js';
import { chromiumPath, launchChromium, needsChromium } from '../helpers/chromium.js';
import { temporaryFolder } from '../runner/data/images.js';
import { makeWebFolder, picture } from './web-folder.js';

const at = (place: string) => fileURLToPath(new URL(`../../${place}`, import.meta.url));
const shots = at('.cache/e2e');
const folder = temporaryFolder();
const inFolder = (...names: string[]) => path.join(folder.path, ...names);

/** Milliseconds: machines may be slow, but not for ever. */
const PATIENCE = 20_000;

let browser: Browser;
const servers: DemoServer[] = [];

beforeAll(async () => {
  if (!chromiumPath) return;
  await mkdir(shots, { recursive: true });
  const outDir = inFolder('page');
  const configFile = at('examples/web/vite.config.ts');
  const [opened] = await Promise.all([
    launchChromium(),
    build({ configFile, logLevel: 'error', build: { outDir } }),
    makeWebFolder(folder.path),
  ]);
  browser = opened;
}, 120_000);

afterAll(async () => {
  await Promise.all([browser?.close(), ...servers.map((server) => server.close())]);
});

/** A copy of the shipped folder with something wrong in it. */
async function damaged(name: string, damage: (root: string) => Promise<void>): Promise<string> {
  const root = inFolder(name);
  await cp(inFolder('web'), root, { recursive: true });
  await damage(root);
  return root;
}

interface Visit {
  page: Page;
  /** What the page wrote to the console, but for the browser's own notes on files that the server does not have. */
  complaints: string[];
  server: DemoServer;
}

interface VisitOptions {
  /** Another folder than the good one. */
  served?: string;
  /** Another browser than the common one. */
  from?: Browser;
  look?: BrowserContextOptions;
  /** Script that runs before the page's own. */
  prepare?: string;
}

async function visit({ served = inFolder('web'), from = browser, look, prepare }: VisitOptions = {}): Promise<Visit> {
  const server = await serveDemo(served, { host: '127.0.0.1', port: 0, page: inFolder('page') });
  servers.push(server);
  const context = await from.newContext({ viewport: { width: 1280, height: 900 }, ...look });
  if (prepare) await context.addInitScript(prepare);
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    const isMissingFile = /^(Failed to load resource|An unknown error occurred when fetching the script)/.test(
      message.text(),
    );
    if (['error', 'warning'].includes(message.type()) && !isMissingFile) complaints.push(message.text());
  });
  await page.goto(server.url);
  return { page, complaints, server };
}

const isReady = (page: Page) => page.locator('#time-device', { hasText: /Web/ }).waitFor();
const give = (page: Page, name: string, mimeType: string, buffer: Buffer) =>
  page.locator('#file').setInputFiles({ name, mimeType, buffer });
/** The message about one matter: the query, the model, the gallery or the device. */
const notice = (page: Page, about: string) => page.locator(`.notice[data-about=${about}]`);
const poll = <T>(get: () => Promise<T>) => expect.poll(get, { timeout: PATIENCE });
const firstLabel = (page: Page) => page.locator('#results-list .label').first();
const isSearched = (page: Page) => page.locator('#results-list .distance').first().waitFor();

/** Drops a file from outside onto the page, as a desktop does. */
async function drop(page: Page, name: string, type: string, bytes: Buffer): Promise<void> {
  const transfer = await page.evaluateHandle(
    ({ name, type, base64 }) => {
      const data = new DataTransfer();
      const content = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
      data.items.add(new File([content], name, { type }));
      return data;
    },
    { name, type, base64: bytes.toString('base64') },
  );
  await page.dispatchEvent('#drop', 'drop', { dataTransfer: transfer });
}

const hugeImage = (): Promise<Buffer> =>
  sharp({ create: { width: 10_000, height: 10_000, channels: 3, background: '#336699' } })
    .png({ compressionLevel: 9 })
    .toBuffer();

/** Browsers show the upper half of such a file in a page, but decode it for no program. */
async function halfOfAPhoto(): Promise<Buffer> {
  const whole = await picture(0, 0, 200).jpeg().toBuffer();
  return whole.subarray(0, whole.length / 2);
}

describe.skipIf(!chromiumPath)(`the page${needsChromium}`, () => {
  const looks: [name: string, options: BrowserContextOptions][] = [
    ['desktop-light', { colorScheme: 'light' }],
    ['desktop-dark', { colorScheme: 'dark', reducedMotion: 'reduce' }],
    ['phone', { viewport: { width: 320, height: 640 }, isMobile: true, hasTouch: true }],
  ];

  it.each(looks)('finds the class of a dropped image, without a fault: %s', async (name, options) => {
    const { page, complaints } = await visit({ look: options });
    await isReady(page);
    expect(await seriousFaults(page)).toEqual([]);
    await drop(page, 'new.png', 'image/png', await picture(2, 99, 150).png().toBuffer());
    await isSearched(page);
    expect(await firstLabel(page).textContent()).toBe('class-2');
    expect(await page.locator('#results-list li').count()).toBe(12);
    for (const part of ['decode', 'embed', 'search']) {
      expect(await page.locator(`#time-${part}`).textContent()).toMatch(/^[\d.]+ m?s$/);
    }
    await poll(() => page.locator('#map-query').isEnabled()).toBe(true);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(options.viewport?.width ?? 1280);
    expect(await seriousFaults(page)).toEqual([]);
    expect(complaints).toEqual([]);
    await page.screenshot({ path: path.join(shots, `${name}.png`), fullPage: true });
  });

  it('an image of the gallery is its own nearest; a result searches on', async () => {
    const { page, complaints } = await visit();
    await give(page, 'own.png', 'image/png', await readFile(inFolder('data/class-1/0.png')));
    await isSearched(page);
    expect(await page.locator('#results-list .distance').first().textContent()).toMatch(/^0\.00/);
    const second = page.locator('#results-list button').nth(1);
    const label = await second.locator('.label').textContent();
    await second.focus();
    await page.keyboard.press('Enter');
    // The old results may have the same label: the keyboard's place moves once there are others.
    await poll(() => page.evaluate(() => document.activeElement?.id)).toBe('results');
    expect(await page.locator('#preview').getAttribute('src')).toMatch(/^blob:/);
    expect(await firstLabel(page).textContent()).toBe(label);
    expect(complaints).toEqual([]);
  });

  it('a pasted image is searched', async () => {
    const { page, complaints } = await visit();
    await isReady(page);
    const bytes = await picture(0, 98, 64).png().toBuffer();
    await page.evaluate((base64) => {
      const clipboardData = new DataTransfer();
      const content = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
      clipboardData.items.add(new File([content], 'pasted.png', { type: 'image/png' }));
      document.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true }));
    }, bytes.toString('base64'));
    await isSearched(page);
    expect(await firstLabel(page).textContent()).toBe('class-0');
    expect(complaints).toEqual([]);
  });

  it('the keyboard reaches the images of the map and searches with them', async () => {
    const { page, complaints } = await visit();
    await isReady(page);
    await page.locator('#map').focus();
    await page.keyboard.press('ArrowRight');
    const label = await page.locator('#map-card-label').textContent();
    expect(label).toMatch(/^class-\d$/);
    await poll(() => page.locator('#live').textContent()).toBe(label);
    await page.keyboard.press('Enter');
    await isSearched(page);
    expect(await firstLabel(page).textContent()).toBe(label);
    await page.keyboard.press('Escape');
    expect(await page.locator('#map-card').isHidden()).toBe(true);
    expect(complaints).toEqual([]);
  });

  it('runs on WebGPU where there is one', async () => {
    const other = await launchChromium({ webgpu: true });
    try {
      const { page, complaints } = await visit({ from: other });
      page.setDefaultTimeout(60_000);
      await isReady(page);
      expect(await page.locator('#time-device').textContent()).toBe('WebGPU');
      await give(page, 'new.png', 'image/png', await picture(3, 99, 150).png().toBuffer());
      await isSearched(page);
      expect(await firstLabel(page).textContent()).toBe('class-3');
      expect(await page.locator('.notice').count()).toBe(0);
      expect(complaints).toEqual([]);
    } finally {
      await other.close();
    }
  });

  it('is served such that threads are allowed', async () => {
    const { page } = await visit();
    await isReady(page);
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
  });
});

describe.skipIf(!chromiumPath)(`bad input is told in the page, and the console stays empty${needsChromium}`, () => {
  const badImages: [
    what: string,
    name: string,
    type: string,
    content: () => Promise<Buffer> | Buffer,
    title: RegExp,
  ][] = [
    ['text', 'text.txt', 'text/plain', () => Buffer.from('no image'), /no image/],
    ['text named as an image', 'text.png', 'image/png', () => Buffer.from('no image either'), /no image/],
    ['an empty file', 'empty.png', 'image/png', () => Buffer.alloc(0), /no image/],
    ['a broken drawing', 'broken.svg', 'image/svg+xml', () => Buffer.from('<svg'), /no image/],
    ['half of a photo', 'half.jpg', 'image/jpeg', halfOfAPhoto, /no image/],
    ['100 megapixels', 'huge.png', 'image/png', hugeImage, /too large.*100 megapixels/],
  ];

  it('files that are no image, or too large a one; the next image is searched', async () => {
    const { page, complaints } = await visit();
    await isReady(page);
    for (const [what, name, type, content, title] of badImages) {
      await drop(page, name, type, await content());
      await poll(() => notice(page, 'query').allTextContents()).toEqual([expect.stringMatching(title)]);
      expect(await page.locator('#loading').isHidden(), what).toBe(true);
      await notice(page, 'query').getByRole('button', { name: 'Dismiss' }).click();
    }
    await give(page, 'good.png', 'image/png', await picture(1, 97, 80).png().toBuffer());
    await isSearched(page);
    expect(await notice(page, 'query').count()).toBe(0);
    expect(complaints).toEqual([]);
  });

  const weightsOf = async (root: string) => {
    const info = JSON.parse(await readFile(path.join(root, 'dws.json'), 'utf8')) as WebModelInfo;
    return path.join(root, info.variants[0]!.weights);
  };
  const models: [what: string, damage: (root: string) => Promise<void>, title: RegExp][] = [
    ['missing weights', async (root) => rm(await weightsOf(root)), /could not be fetched/],
    ['truncated weights', async (root) => truncate(await weightsOf(root), 100_000), /can’t be used/],
    ['a graph that is none', (root) => writeFile(path.join(root, 'onnx/image.onnx'), 'no graph'), /can’t be used/],
    ['a dws.json that is none', (root) => writeFile(path.join(root, 'dws.json'), '{"format": 1'), /can’t be used/],
  ];

  it.each(models)('a model with %s', async (what, damage, title) => {
    const { page, complaints } = await visit({ served: await damaged(what, damage) });
    await notice(page, 'model').waitFor();
    expect(await notice(page, 'model').textContent()).toMatch(title);
    expect(await notice(page, 'model').getByRole('button', { name: 'Try again' }).count()).toBe(1);
    expect(await page.locator('#loading').isHidden()).toBe(true);
    expect(complaints).toEqual([]);
  });

  const galleries: [what: string, change: (info: GalleryInfo) => Partial<GalleryInfo>][] = [
    ['another model', () => ({ modelHash: '0123456789abcdef' })],
    ['another dimension', ({ dim }) => ({ dim: dim * 2 })],
  ];

  it.each(galleries)('a gallery of %s', async (what, change) => {
    const root = await damaged(what, async (root) => {
      const file = path.join(root, 'gallery/gallery.json');
      const info = JSON.parse(await readFile(file, 'utf8')) as GalleryInfo;
      await writeFile(file, JSON.stringify({ ...info, ...change(info) }));
    });
    const { page, complaints } = await visit({ served: root });
    await notice(page, 'gallery').waitFor();
    expect(await notice(page, 'gallery').textContent()).toMatch(/belongs to another model/);
    expect(await page.locator('#results-list li').count()).toBe(0);
    expect(complaints).toEqual([]);
  });

  it('a gallery cut short', async () => {
    const root = await damaged('short gallery', (root) => truncate(path.join(root, 'gallery/embeddings.bin'), 100));
    const { page, complaints } = await visit({ served: root });
    await notice(page, 'gallery').waitFor();
    expect(await notice(page, 'gallery').textContent()).toMatch(/gallery can’t be used.*100 bytes in place of/);
    expect(complaints).toEqual([]);
  });

  it('a model that is gone when it is to learn', async () => {
    const root = await damaged('gone', () => Promise.resolve());
    const { page, complaints } = await visit({ served: root });
    for (const label of [0, 1]) {
      const files = [0, 1].map((i) => inFolder(`data/class-${label}/${i}.png`));
      await page.locator('.learn-box').nth(label).locator('input[type=file]').setInputFiles(files);
    }
    await poll(() => page.getByRole('button', { name: 'Teach' }).isEnabled()).toBe(true);
    await rm(await weightsOf(root));
    await page.getByRole('button', { name: 'Teach' }).click();
    await poll(() => page.locator('.learn-panel > .learn-problem').textContent()).toMatch(
      /weights can.t be fetched.*404/,
    );
    expect(complaints).toEqual([]);
  });

  it('a folder without a gallery', async () => {
    const root = await damaged('no gallery', (root) => rm(path.join(root, 'gallery'), { recursive: true }));
    const { page, complaints } = await visit({ served: root });
    await notice(page, 'gallery').waitFor();
    expect(await notice(page, 'gallery').textContent()).toMatch(/gallery/);
    await give(page, 'good.png', 'image/png', await picture(1, 97, 80).png().toBuffer());
    await poll(() => page.locator('#time-embed').textContent()).toMatch(/m?s$/);
    expect(complaints).toEqual([]);
  });

  it('no WebGPU: says so, and goes on with WebAssembly', async () => {
    const { page, complaints } = await visit({ prepare: 'delete Navigator.prototype.gpu' });
    await notice(page, 'device').waitFor();
    expect(await notice(page, 'device').textContent()).toMatch(/WebGPU is not available.*WebAssembly/);
    await isReady(page);
    expect(await page.locator('#time-device').textContent()).toMatch(/^WebAssembly/);
    await page.locator('#device').selectOption('webgpu');
    await poll(() => notice(page, 'device').textContent()).toMatch(/so the model runs on WebAssembly/);
    await poll(() => page.locator('#device').inputValue()).toBe('wasm');
    await give(page, 'good.png', 'image/png', await picture(1, 97, 80).png().toBuffer());
    await isSearched(page);
    expect(complaints).toEqual([]);
  });

  it('WebGPU without an adapter: says so, and goes on with WebAssembly', async () => {
    // Chromium has navigator.gpu here, and no device behind it.
    const { page, complaints } = await visit();
    await notice(page, 'device').waitFor();
    expect(await notice(page, 'device').textContent()).toMatch(/so the model runs on WebAssembly/);
    await isReady(page);
    expect(complaints).toEqual([]);
  });

  it('offline', async () => {
    const { page, complaints, server } = await visit();
    await isReady(page);
    await page.context().setOffline(true);
    await server.close();
    servers.splice(servers.indexOf(server), 1);
    await page.locator('#device').selectOption('webgpu');
    await notice(page, 'model').waitFor();
    expect(await notice(page, 'model').textContent()).toMatch(/offline/);
    expect(complaints).toEqual([]);
  });
});
