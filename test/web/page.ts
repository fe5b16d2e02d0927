/** A page without a bundler: the built library, and ONNX Runtime by an import map. */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import type * as DwsWeb from '../../src/web/index.js';
import type { TestServer } from '../helpers/chromium.js';
import { serve } from '../helpers/chromium.js';

/** What the page puts on its global object. */
export interface PageGlobals {
  dws: typeof DwsWeb;
}

const imports = {
  'dws/web': '/dws/web/index.js',
  'onnxruntime-web/wasm': '/ort/ort.wasm.min.mjs',
  'onnxruntime-web/webgpu': '/ort/ort.webgpu.min.mjs',
};

const html = `<!doctype html>
<meta charset="utf-8">
<link rel="icon" href="data:,">
<script type="importmap">${JSON.stringify({ imports })}</script>
<script type="module">globalThis.dws = await import('dws/web');</script>
`;

/** A worker has no import map. */
const worker = `import { EmbeddingModel, readImage } from '/dws/web/index.js';
let model;
addEventListener('message', async ({ data: { url, options, image } }) => {
  try {
    model ??= await EmbeddingModel.load(url, { wasmPaths: '/ort/', ...options });
    postMessage({ embedding: await model.embed(image), threads: model.threads });
  } catch (error) {
    postMessage({ error: String(error) });
  }
});
`;

const at = (place: string) => fileURLToPath(new URL(place, import.meta.url));

/** Serves `folder`, with the page in `page/`. */
export async function servePage(folder: string, options: Parameters<typeof serve>[1] = {}): Promise<TestServer> {
  const page = path.join(folder, 'page');
  await mkdir(page, { recursive: true });
  await writeFile(path.join(page, 'index.html'), html);
  await writeFile(path.join(page, 'worker.js'), worker);
  const ort = at('../../node_modules/onnxruntime-web/dist');
  return serve({ '/': folder, '/dws/': at('../../dist'), '/ort/': ort }, options);
}

/** Opens the page; `problems` collects what goes to its console, and what nobody catches. */
export async function openPage(browser: Browser, { origin }: TestServer): Promise<{ page: Page; problems: string[] }> {
  const page = await browser.newPage();
  const problems: string[] = [];
  page.on('console', (message) => void problems.push(`${message.type()}: ${message.text()}`));
  page.on('pageerror', (error) => void problems.push(String(error)));
  // What tsx wraps functions in.
  await page.addInitScript('globalThis.__name = (value) => value');
  await page.goto(`${origin}/page/`);
  await page.waitForFunction(() => 'dws' in globalThis);
  return { page, problems };
}
