/** A module and all that it imports as one page for a browser, by Vite. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { build } from 'vite';

/**
 * Writes `page.js`, what it needs, and an `index.html` that loads it, into `folder`. ONNX Runtime's WebAssembly files stay outside: the
 * module says where they are.
 *
 * @param body HTML in front of the script
 */
export async function bundlePage(entry: string, folder: string, body = ''): Promise<void> {
  await build({
    configFile: false,
    logLevel: 'error',
    resolve: {
      alias: { 'dws/web': path.resolve('src/web/index.ts') },
      conditions: ['onnxruntime-web-use-extern-wasm', 'module', 'browser', 'development|production'],
    },
    build: {
      outDir: folder,
      emptyOutDir: false,
      minify: false,
      target: 'es2022',
      rolldownOptions: {
        input: path.resolve(entry),
        output: { entryFileNames: 'page.js', assetFileNames: 'page.[ext]' },
      },
    },
  });
  const html = `<!doctype html>
<html lang="en">
  <meta charset="utf-8">
  <title>Test</title>
  <link rel="icon" href="data:,">
  <link rel="stylesheet" href="page.css">
  ${body}
  <script type="module" src="page.js"></script>
</html>
`;
  await writeFile(path.join(folder, 'page.css'), '', { flag: 'a' });
  await writeFile(path.join(folder, 'index.html'), html);
}
