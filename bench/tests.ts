/**
 * npm run bench -- tests [filter...]
 *
 * The tests named *.long.test.ts, with the same vitest and the same helpers as `npm test`, which has ten minutes and leaves
 * these out: the shipped model and the page in browsers, what a training outlives and how it is repeated, every command of the
 * documentation.
 */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import path from 'node:path';

const vitest = path.join(path.dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');

export async function benchTests(filters: string[]): Promise<void> {
  const { status, error } = spawnSync(process.execPath, [vitest, 'run', '--mode', 'long', ...filters], {
    stdio: 'inherit',
  });
  if (error) throw error;
  if (status !== 0) throw new Error(`vitest ended with ${status}`);
}
