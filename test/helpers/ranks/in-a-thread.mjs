// The collective calls from a worker thread, which is ended afterwards.
import { Worker } from 'node:worker_threads';

const worker = new Worker(new URL('collectives.mjs', import.meta.url), { argv: process.argv.slice(2) });
await new Promise((resolve) => worker.on('exit', resolve));
