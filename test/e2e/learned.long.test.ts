/** What a person taught in the page: downloaded, loaded again, searched with. */
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GalleryInfo } from '../../src/graph/artifacts/gallery.js';
import type { DemoServer } from '../../src/runner/shipping/demo-server.js';
import { serveDemo } from '../../src/runner/shipping/demo-server.js';
import { makeGallery } from '../../src/runner/shipping/gallery.js';
import { seriousFaults } from '../helpers/axe.js';
import { chromiumPath, launchChromium, needsChromium } from '../helpers/chromium.js';
import { temporaryFolder } from '../runner/data/images.js';
import { buildPage, found, give, isReady, poll, shots, visit } from './demo-page.js';
import { makeWebFolder, picture } from './web-folder.js';

const folder = temporaryFolder();
const inFolder = (...names: string[]) => path.join(folder.path, ...names);
const servers: DemoServer[] = [];
let browser: Browser;

async function start(web: string): Promise<DemoServer> {
  const server = await serveDemo(web, { host: '127.0.0.1', port: 0, page: inFolder('page') });
  servers.push(server);
  return server;
}

beforeAll(async () => {
  if (!chromiumPath) return;
  await mkdir(shots, { recursive: true });
  [browser] = await Promise.all([launchChromium(), buildPage(inFolder('page')), makeWebFolder(folder.path)]);
  await cp(inFolder('web'), inFolder('plain'), { recursive: true });
  const options = { workers: 0, threads: 1, features: true };
  await makeGallery(inFolder('checkpoint.safetensors'), [inFolder('data')], inFolder('web/gallery'), options);
}, 120_000);

afterAll(async () => {
  await Promise.all([browser?.close(), ...servers.map((server) => server.close())]);
});

const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });
const problem = (page: Page) => page.locator('.learn-kept > .learn-problem');
const load = (page: Page, buffer: Buffer, name = 'mine.safetensors') =>
  page.locator('.learn-kept input[type=file]').setInputFiles({ name, mimeType: 'application/octet-stream', buffer });

/** Two kinds that the model as it was trained does not tell apart by: the colors of two classes each. */
async function teach(page: Page): Promise<void> {
  for (const kind of [0, 1]) {
    const files = [2 * kind, 2 * kind + 1].flatMap((label) =>
      [0, 1, 2].map((i) => inFolder(`data/class-${label}/${i}.png`)),
    );
    await page.locator('.learn-box').nth(kind).locator('input[type=file]').setInputFiles(files);
  }
  await poll(() => button(page, 'Teach').isEnabled()).toBe(true);
  await button(page, 'Teach').click();
  await page.locator('.learn-summary').waitFor();
}

async function download(page: Page): Promise<{ name: string; bytes: Buffer }> {
  const [file] = await Promise.all([page.waitForEvent('download'), button(page, 'Download').click()]);
  return { name: file.suggestedFilename(), bytes: await readFile(await file.path()) };
}

/** Distances as the page shows them. */
const distances = async (page: Page) => {
  await found(page);
  return page.locator('#results-list .distance').allTextContents();
};

describe.skipIf(!chromiumPath)(`what was taught${needsChromium}`, () => {
  it.each(['light', 'dark'] as const)(
    'is downloaded, searched with, and loaded on another visit: %s',
    async (colorScheme) => {
      const server = await start(inFolder('web'));
      const { page, complaints } = await visit(browser, server, { colorScheme });
      await isReady(page);
      await give(page, 'new.png', await picture(2, 99, 150).png().toBuffer());
      const before = await distances(page);
      await page.screenshot({ path: path.join(shots, `learned-before-${colorScheme}.png`), fullPage: true });
      await teach(page);
      expect(await distances(page)).toEqual(before);

      await button(page, 'Search with it').click();
      await page.locator('#results-title', { hasText: 'by what it learned' }).waitFor();
      const after = await distances(page);
      expect(after).not.toEqual(before);
      // Taught that classes 2 and 3 are one kind.
      expect(new Set((await found(page)).slice(0, 8))).toEqual(new Set(['class-2', 'class-3']));
      expect(await button(page, 'Search with it').getAttribute('aria-pressed')).toBe('true');
      expect(await seriousFaults(page)).toEqual([]);
      await page.screenshot({ path: path.join(shots, `learned-${colorScheme}.png`), fullPage: true });

      const { name, bytes } = await download(page);
      expect(name).toBe('squeezenet1_1-learned.safetensors');
      await button(page, 'Search with it').click();
      await poll(() => distances(page)).toEqual(before);

      await page.reload();
      await isReady(page);
      await give(page, 'new.png', await picture(2, 99, 150).png().toBuffer());
      expect(await distances(page)).toEqual(before);
      await load(page, bytes);
      await page.getByText('The last layer comes from mine.safetensors.').waitFor();
      await button(page, 'Search with it').click();
      await poll(() => distances(page)).toEqual(after);
      expect((await download(page)).bytes.equals(bytes)).toBe(true);
      await button(page, 'Start over').click();
      await poll(() => distances(page)).toEqual(before);
      expect(await button(page, 'Download').isVisible()).toBe(false);
      expect(complaints).toEqual([]);
    },
  );

  it('is on a phone as wide as the screen, without a fault', async () => {
    const server = await start(inFolder('web'));
    const { page, complaints } = await visit(browser, server, {
      viewport: { width: 390, height: 844 },
      hasTouch: true,
    });
    await isReady(page);
    await teach(page);
    await button(page, 'Search with it').click();
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
    expect(await seriousFaults(page)).toEqual([]);
    await page.screenshot({ path: path.join(shots, 'learned-phone.png'), fullPage: true });
    expect(complaints).toEqual([]);
  });

  it('is refused in words when it is damaged, or of another model; what was there stays', async () => {
    const { page, complaints } = await visit(browser, await start(inFolder('web')));
    await teach(page);
    const { bytes } = await download(page);
    const damaged = Buffer.from(bytes);
    damaged[damaged.length - 5]! ^= 1;
    const other = Buffer.from(bytes.toString('latin1').replace(/"modelHash":"./, '"modelHash":"x'), 'latin1');
    for (const [file, text] of [
      [damaged, /^mine\.safetensors: The file is damaged/],
      [bytes.subarray(0, 1000), /^mine\.safetensors: The file is damaged/],
      [Buffer.from('no layer'), /^mine\.safetensors: This file holds no learned layer/],
      [other, /^mine\.safetensors: The file was learned on another model/],
    ] as const) {
      await load(page, file);
      await poll(() => problem(page).textContent()).toMatch(text);
    }
    await page.getByText('The last layer learned Kind 1, Kind 2 from 12 images.').waitFor();
    expect(complaints).toEqual([]);
  });

  it('is not searched with where the gallery lacks what that takes, which is told', async () => {
    const { page, complaints } = await visit(browser, await start(inFolder('plain')));
    await isReady(page);
    await give(page, 'new.png', await picture(2, 99, 150).png().toBuffer());
    const before = await distances(page);
    await teach(page);
    await button(page, 'Search with it').click();
    await poll(() => problem(page).textContent()).toMatch(/dws gallery --features/);
    expect(await button(page, 'Search with it').getAttribute('aria-pressed')).toBe('false');
    expect(await distances(page)).toEqual(before);
    await download(page);
    expect(complaints).toEqual([]);
  });

  it('is not searched with by a gallery whose features are cut short', async () => {
    const root = inFolder('short');
    await cp(inFolder('web'), root, { recursive: true });
    const info = JSON.parse(await readFile(path.join(root, 'gallery/gallery.json'), 'utf8')) as GalleryInfo;
    await writeFile(path.join(root, 'gallery', info.features!.file), 'short');
    const { page, complaints } = await visit(browser, await start(root));
    await teach(page);
    await button(page, 'Search with it').click();
    await poll(() => problem(page).textContent()).toMatch(/5 bytes in place of/);
    expect(complaints).toEqual([]);
  });
});
