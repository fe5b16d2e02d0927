/** The page does all that it does under the policy that `dws demo` sends. */
import path from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DemoServer } from '../../src/runner/shipping/demo-server.js';
import { serveDemo } from '../../src/runner/shipping/demo-server.js';
import { chromiumPath, launchChromium, needsChromium } from '../helpers/chromium.js';
import { temporaryFolder } from '../runner/data/images.js';
import { buildPage, found, give, isReady, poll, visit } from './demo-page.js';
import { makeWebFolder, picture } from './web-folder.js';

const folder = temporaryFolder();
const inFolder = (...names: string[]) => path.join(folder.path, ...names);
let browser: Browser;
let server: DemoServer;

beforeAll(async () => {
  if (!chromiumPath) return;
  [browser] = await Promise.all([launchChromium(), buildPage(inFolder('page')), makeWebFolder(folder.path)]);
  server = await serveDemo(inFolder('web'), { host: '127.0.0.1', port: 0, page: inFolder('page') });
}, 120_000);

afterAll(async () => {
  await browser?.close();
  await server?.close();
});

describe.skipIf(!chromiumPath)(`the page's policy${needsChromium}`, () => {
  it('refuses nothing of what the page does, with threads: searching, the map, teaching', async () => {
    const { page, complaints } = await visit(browser, server);
    await page.evaluate(() => {
      const refused: string[] = [];
      Object.assign(globalThis, { refused });
      addEventListener('securitypolicyviolation', (event) =>
        refused.push(`${event.effectiveDirective} ${event.blockedURI}`),
      );
    });
    await page.locator('#device').selectOption('wasm');
    await isReady(page);
    expect(await page.locator('#time-device').textContent()).toBe('WebAssembly, 4 threads');
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
    await give(page, 'new.png', await picture(2, 99, 150).png().toBuffer());
    expect((await found(page))[0]).toBe('class-2');
    expect(await page.locator('#preview').evaluate((image: HTMLImageElement) => image.naturalWidth)).toBe(150);
    await page.locator('#map').focus();
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('+');
    for (const label of [0, 1]) {
      const files = [0, 1].map((i) => inFolder(`data/class-${label}/${i}.png`));
      await page.locator('.learn-box').nth(label).locator('input[type=file]').setInputFiles(files);
    }
    await poll(() => page.getByRole('button', { name: 'Teach', exact: true }).isEnabled()).toBe(true);
    await page.getByRole('button', { name: 'Teach', exact: true }).click();
    await page.locator('.learn-summary').waitFor();
    expect(await page.evaluate(() => (globalThis as unknown as { refused: string[] }).refused)).toEqual([]);
    expect(complaints).toEqual([]);
  });

  it('refuses scripts, styles, images and connections that are not the page’s own', async () => {
    const { page } = await visit(browser, server);
    const wanted = ['connect-src', 'form-action', 'img-src', 'script-src-elem', 'style-src-elem'];
    const refused = await page.evaluate(async (expected) => {
      const directives = new Set<string>();
      const all = new Promise<void>((resolve) => {
        setTimeout(resolve, 20_000);
        addEventListener('securitypolicyviolation', ({ effectiveDirective }) => {
          directives.add(effectiveDirective);
          if (directives.size === expected) resolve();
        });
      });
      const script = Object.assign(document.createElement('script'), { textContent: '1' });
      const style = Object.assign(document.createElement('style'), { textContent: 'p { color: red }' });
      const image = Object.assign(new Image(), { src: 'data:image/gif;base64,R0lGODlhAQABAAAAACw=' });
      const form = Object.assign(document.createElement('form'), { action: '/elsewhere' });
      document.body.append(script, style, image, form);
      form.submit();
      await fetch('http://127.0.0.1:9/').catch(() => undefined);
      await all;
      return [...directives].sort();
    }, wanted.length);
    expect(refused).toEqual(wanted);
  });
});
