import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const at = (place: string) => fileURLToPath(new URL(place, import.meta.url));

export default defineConfig({
  root: at('.'),
  // The page works from any folder of a server.
  base: './',
  resolve: {
    alias: { 'dws/web': at('../../src/web/index.ts') },
    // ONNX Runtime as a small module that fetches its WebAssembly from ./ort/, in place of 25 MB in the bundle.
    conditions: ['onnxruntime-web-use-extern-wasm', 'module', 'browser', 'development|production'],
  },
  worker: { format: 'es' },
  build: { outDir: at('../../dist/demo'), emptyOutDir: true, target: 'es2022', assetsInlineLimit: 0 },
});
