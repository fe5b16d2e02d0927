import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const at = (place: string) => fileURLToPath(new URL(place, import.meta.url));

/** Asks to be kept in all copies. */
const license = readFileSync(at('../../node_modules/uplot/LICENSE'), 'utf8');

/** One script and one style sheet, which `dws report` puts into each page. */
export default defineConfig({
  root: at('.'),
  build: {
    outDir: at('../../dist/report'),
    emptyOutDir: true,
    target: 'es2022',
    lib: {
      entry: at('main.ts'),
      formats: ['iife'],
      name: 'report',
      fileName: () => 'page.js',
      cssFileName: 'page',
    },
    rolldownOptions: { output: { postBanner: `/* uPlot:\n${license}*/` } },
  },
});
