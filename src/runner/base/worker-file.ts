/**
 * Worker threads cannot load TypeScript on Node.js 20, so that a program run from its sources starts the built workers.
 *
 * @param name path below `src/runner` without extension, for example `data/decode-worker`
 */
export function workerFile(name: string): URL {
  const fromSource = import.meta.url.endsWith('.ts');
  return new URL(fromSource ? `../../../dist/runner/${name}.js` : `../${name}.js`, import.meta.url);
}
