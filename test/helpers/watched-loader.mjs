// Preloaded into ranks: each tells in the folder READ_BY what it decodes, and checks images as slowly as SLOW_CHECK says, rank 1 alone.
import { appendFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { isMainThread } from 'node:worker_threads';

const { READ_BY, SLOW_CHECK, OMPI_COMM_WORLD_RANK: rank } = process.env;

if (isMainThread && rank !== undefined) {
  const { ImageLoader } = await import('../../dist/runner/data/loader.js');
  for (const method of ['check', 'decode']) {
    const original = ImageLoader.prototype[method];
    ImageLoader.prototype[method] = async function (paths, ...more) {
      if (READ_BY) {
        const lines = paths.map((file) => `${method} ${path.basename(path.dirname(file))}/${path.basename(file)}\n`);
        appendFileSync(path.join(READ_BY, rank), lines.join(''));
      }
      if (SLOW_CHECK && method === 'check' && rank === '1') await setTimeout(Number(SLOW_CHECK));
      return original.call(this, paths, ...more);
    };
  }
}
