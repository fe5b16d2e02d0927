import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'vite';
import { defineConfig } from 'vite';

const at = (place: string) => fileURLToPath(new URL(place, import.meta.url));

const serviceWorker = 'service-worker.js';

/** Writes into the service worker which files the page has. With each build that differs it is another one, which browsers see by its bytes. */
const pageFiles: Plugin = {
  name: 'page-files',
  enforce: 'post',
  generateBundle(_, bundle) {
    const worker = bundle[serviceWorker];
    const page = bundle['index.html'];
    if (worker?.type !== 'asset' || page?.type !== 'asset') throw new Error(`the build has no ${serviceWorker}`);
    const built = Object.keys(bundle).filter((name) => name !== serviceWorker && name !== 'index.html');
    const files = ['', ...built, ...readdirSync(at('public'))].sort();
    const build = createHash('sha256')
      .update(JSON.stringify([files, page.source]))
      .digest('hex')
      .slice(0, 16);
    worker.source = `const PAGE = ${JSON.stringify({ build, files })};\n${String(worker.source)}`;
  },
};

export default defineConfig({
  plugins: [pageFiles],
  root: at('.'),
  // The page works from any folder of a server.
  base: './',
  resolve: {
    alias: { 'dws/web': at('../../src/web/index.ts') },
    // ONNX Runtime as a small module that fetches its WebAssembly from ./ort/, in place of 25 MB in the bundle.
    conditions: ['onnxruntime-web-use-extern-wasm', 'module', 'browser', 'development|production'],
  },
  worker: {
    format: 'es',
    // A service worker has to lie in the page's folder, under one name for good.
    rolldownOptions: {
      output: {
        entryFileNames: ({ name }) => (name === 'service-worker' ? serviceWorker : 'assets/[name]-[hash].js'),
      },
    },
  },
  build: { outDir: at('../../dist/demo'), emptyOutDir: true, target: 'es2022', assetsInlineLimit: 0 },
});
