/** A visit to the page that `dws demo` serves, for tests of what it does there. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import { build } from 'vite';
import { expect } from 'vitest';
import type { DemoServer } from '../../src/runner/shipping/demo-server.js';

/** Milliseconds: machines may be slow, but not for ever. */
export const patience = 60_000;

export const poll = <T>(get: () => Promise<T>) => expect.poll(get, { timeout: patience });

/** Where screenshots are left. */
export const shots = fileURLToPath(new URL('../../.cache/e2e', import.meta.url));

/** Builds the page as for a machine of 8 cores, so that the model has threads on any. */
export async function buildPage(outDir: string): Promise<void> {
  const configFile = fileURLToPath(new URL('../../examples/web/vite.config.ts', import.meta.url));
  await build({ configFile, logLevel: 'error', build: { outDir } });
  const assets = path.join(outDir, 'assets');
  const worker = path.join(
    assets,
    (await readdir(assets)).find((name) => name.startsWith('model-worker'))!,
  );
  const cores = "Object.defineProperty(navigator, 'hardwareConcurrency', { value: 8 });\n";
  await writeFile(worker, cores + (await readFile(worker, 'utf8')));
}

export interface Visit {
  context: BrowserContext;
  page: Page;
  /** What the page wrote to the console, but for the browser's own notes on files that the server does not have. */
  complaints: string[];
}

/** What a page and its workers complain of is put into `complaints`. */
export function listen(page: Page, complaints: string[]): void {
  page.setDefaultTimeout(patience);
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    const isMissingFile = /^(Failed to load resource|An unknown error occurred when fetching the script)/.test(
      message.text(),
    );
    if (['error', 'warning'].includes(message.type()) && !isMissingFile) complaints.push(message.text());
  });
}

export async function visit(
  browser: Browser,
  { url }: Pick<DemoServer, 'url'>,
  look: BrowserContextOptions = {},
): Promise<Visit> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...look });
  const page = await context.newPage();
  const complaints: string[] = [];
  listen(page, complaints);
  await page.goto(url);
  return { context, page, complaints };
}

export const isReady = (page: Page) => page.locator('#time-device', { hasText: /Web/ }).waitFor();

export const give = (page: Page, name: string, buffer: Buffer) =>
  page.locator('#file').setInputFiles({ name, mimeType: 'image/png', buffer });

/** Labels of what was found, once a search is done. */
export async function found(page: Page): Promise<string[]> {
  await page.locator('#results-list .distance').first().waitFor();
  return page.locator('#results-list .label').allTextContents();
}

/** The message about one matter: the query, the model, the gallery, the device, offline. */
export const notice = (page: Page, about: string) => page.locator(`.notice[data-about=${about}]`);
