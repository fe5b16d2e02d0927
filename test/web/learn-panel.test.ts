/** The panel of the example page in which a person teaches the model. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundlePage } from '../helpers/bundle.js';
import { chromiumPath, launchChromium, needsChromium, serve } from '../helpers/chromium.js';
import type { TestServer } from '../helpers/chromium.js';
import { random } from './learn-data.js';

/** The kind is in the upper left quarter, lighter or darker; the rest is noise. */
async function picture(kind: number, index: number) {
  const size = 4;
  const noise = random(10 * index + kind);
  const pixels = Buffer.from(
    Array.from({ length: size * size * 3 }, (_, i) => {
      const [row, column] = [Math.floor(i / 3 / size), Math.floor(i / 3) % size];
      return row < 2 && column < 2 ? (kind ? 150 : 105) : noise.int(256);
    }),
  );
  const raw = { width: size, height: size, channels: 3 } as const;
  const buffer = await sharp(pixels, { raw }).resize(64, 64, { kernel: 'nearest' }).png().toBuffer();
  return { name: `${kind ? 'light' : 'dark'}-${index}.png`, mimeType: 'image/png', buffer };
}

const pictures = (kind: number, from: number, count: number) =>
  Promise.all(Array.from({ length: count }, (_, i) => picture(kind, from + i)));

describe.skipIf(!chromiumPath)(`the learn panel${needsChromium}`, () => {
  let folder: string;
  let server: TestServer;
  let browser: Browser;
  let tab: Page;
  const complaints: string[] = [];

  const teach = () => tab.getByRole('button', { name: 'Teach' });
  const box = (place: number) => tab.locator('.learn-box').nth(place);
  const fill = async (place: number, files: Awaited<ReturnType<typeof pictures>>) =>
    box(place).locator('input[type=file]').setInputFiles(files);

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'dws-learn-panel-'));
    await bundlePage(
      'test/web/learn-panel-page.ts',
      folder,
      '<main><h1>Test</h1><h2>Teach it</h2><div id="learn"></div></main><p id="live" role="status"></p>',
    );
    server = await serve({ '/': folder, '/ort/': 'node_modules/onnxruntime-web/dist' });
    browser = await launchChromium();
    tab = await browser.newPage();
    tab.on('console', (message) => complaints.push(message.text()));
    tab.on('pageerror', (error) => complaints.push(String(error)));
    await tab.goto(server.origin);
  });

  afterAll(async () => {
    await browser?.close();
    await server?.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('says what is missing', async () => {
    await teach().waitFor();
    expect(await teach().isDisabled()).toBe(true);
    expect(await tab.locator('#learn-hint').textContent()).toBe('Put 2 images or more into Kind 1.');
    await box(0).getByRole('textbox').fill('dark');
    await box(1).getByRole('textbox').fill('dark');
    await fill(0, await pictures(0, 0, 4));
    await fill(1, await pictures(1, 0, 4));
    await tab.getByText('Two boxes are named dark. Rename one.').waitFor();
    await box(1).getByRole('textbox').fill('light');
    await tab.waitForFunction(() => document.getElementById('learn-hint')!.textContent === '');
    expect(await teach().isEnabled()).toBe(true);
  });

  it('names a file that is no image, and leaves it out', async () => {
    await fill(0, [{ name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('no image') }]);
    await box(0).getByText('notes.txt: This file is no image.').waitFor();
    expect(await box(0).getByRole('listitem').count()).toBe(4);
  });

  it('learns: the loss falls, and images find their own box', async () => {
    // By keyboard.
    await teach().focus();
    await tab.keyboard.press('Enter');
    const summary = tab.locator('.learn-summary');
    await summary.waitFor();
    const [, before, after] = /for ([\d.]+) % of the images before, ([\d.]+) % after/.exec(
      (await summary.textContent())!,
    )!;
    expect(Number(before)).toBeLessThan(80);
    expect(Number(after)).toBe(100);
    const curve = tab.locator('.learn-curve svg');
    const [, last, first] = /^Loss ([\d.]+) after 200 of 200 steps; it began at ([\d.]+)$/.exec(
      (await curve.getAttribute('aria-label'))!,
    )!;
    expect(Number(last)).toBeLessThan(0.5 * Number(first));
    expect((await curve.locator('polyline').getAttribute('points'))!.split(' ').length).toBe(200);
    expect(await tab.locator('#live').textContent()).toBe(await summary.textContent());
  });

  it('tries new images before and after', async () => {
    const files = [await picture(0, 50), await picture(1, 51)];
    await tab.locator('.learn-trial input[type=file]').setInputFiles(files);
    const rows = tab.locator('.learn-trial tbody tr');
    await rows.nth(1).waitFor();
    for (const text of await rows.allTextContents()) {
      expect(text).toMatch(/^((dark|light) \(distance \d\.\d\d\)){2}$/);
    }
  });

  it('has no serious fault for assistive technology', async () => {
    await tab.locator('.learn-outcome summary').click();
    await tab.addScriptTag({ path: createRequire(import.meta.url).resolve('axe-core/axe.min.js') });
    const faults = await tab.evaluate(async () => {
      const { axe } = globalThis as unknown as {
        axe: { run(): Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }> };
      };
      const { violations } = await axe.run();
      return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
    });
    expect(faults).toEqual([]);
  });

  it('forgets what was learned when the boxes change, and starts over', async () => {
    await box(1).getByRole('button', { name: 'Remove light-0.png' }).click();
    expect(await tab.locator('.learn-summary').count()).toBe(0);
    expect(await box(1).getByRole('listitem').count()).toBe(3);
    await tab.getByRole('button', { name: 'Add a box' }).click();
    expect(await tab.locator('.learn-box').count()).toBe(3);
    await tab.getByRole('button', { name: 'Start over' }).click();
    expect(await tab.locator('.learn-box').count()).toBe(2);
    expect(await tab.locator('.learn-images li').count()).toBe(0);
  });

  it('leaves the console empty', () => {
    expect(complaints).toEqual([]);
  });
});
