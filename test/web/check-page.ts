/** A page that checks the built library by itself, in any browser, and reports: see `test/helpers/browsers.ts`. */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { LoadOptions } from '../../src/web/index.js';
import type { TestServer } from '../helpers/chromium.js';
import { serve } from '../helpers/chromium.js';
import { reportScript } from '../helpers/browsers.js';

/** What the page is to do: load the model and embed images, all by URLs relative to the page. */
export interface Job {
  /** Default: `page`. */
  in?: 'page' | 'worker';
  options?: Omit<LoadOptions, 'signal' | 'onProgress'>;
  /** Default: `../model/`. */
  model?: string;
  images?: string[];
  /** Threads never begin, as in a browser where their workers get stuck. */
  isStuck?: boolean;
}

export interface Outcome {
  threads?: number;
  threadLimit?: string;
  /** Of each image: its embedding, or why there is none. */
  embeddings?: (number[] | Refusal)[];
  /** Why there is no model. */
  refusal?: Refusal;
}

export interface Refusal {
  code?: string;
  message: string;
}

const html = `<!doctype html>
<meta charset="utf-8">
<link rel="icon" href="data:,">
<script type="module" src="check.js"></script>
`;

const perform = `import { EmbeddingModel } from '../dws/web/index.js';
const refusalOf = ({ code, message }) => ({ code, message });

/** Workers of threads that load and never answer. */
function sticking() {
  const { Worker } = globalThis;
  globalThis.Worker = class extends Worker {
    constructor(url, options) {
      super(options?.name === 'em-pthread' ? new URL('idle.js', import.meta.url) : url, options);
    }
  };
}

export async function perform({ options, model = '../model/', images = [], isStuck }) {
  if (isStuck) sticking();
  const at = (place) => new URL(place, import.meta.url).href;
  try {
    const loaded = await EmbeddingModel.load(at(model), { wasmPaths: at('../ort/'), ...options });
    const embeddings = [];
    for (const image of images) embeddings.push(await loaded.embed(at(image)).then((values) => Array.from(values), refusalOf));
    return { embeddings, threads: loaded.threads, threadLimit: loaded.threadLimit };
  } catch (error) {
    return { refusal: refusalOf(error) };
  }
}
`;

const check = `import { report } from './report.js';
const given = new URLSearchParams(location.search);
const job = JSON.parse(given.get('job'));
const inWorker = () =>
  new Promise((resolve) => {
    const worker = new Worker(new URL('worker.js', import.meta.url), { type: 'module' });
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = ({ message }) => resolve({ refusal: { message: 'worker: ' + message } });
    worker.postMessage(job);
  });
const inPage = async () => (await import('./perform.js')).perform(job);
await report(given.get('control'), await (job.in === 'worker' ? inWorker() : inPage()));
`;

const worker = `import { perform } from './perform.js';
addEventListener('message', async ({ data }) => postMessage(await perform(data)));
`;

const at = (place: string) => fileURLToPath(new URL(place, import.meta.url));

/** Serves `folder`, with the page in `page/`; all of it below `base`. */
export async function serveChecks(
  folder: string,
  { base = '/', ...options }: { base?: string } & Parameters<typeof serve>[1] = {},
): Promise<TestServer> {
  const page = path.join(folder, 'page');
  await mkdir(page, { recursive: true });
  const files = { 'index.html': html, 'check.js': check, 'perform.js': perform, 'worker.js': worker };
  for (const [name, text] of Object.entries({ ...files, 'report.js': reportScript, 'idle.js': '' })) {
    await writeFile(path.join(page, name), text);
  }
  const ort = at('../../node_modules/onnxruntime-web/dist');
  return serve({ [base]: folder, [`${base}dws/`]: at('../../dist'), [`${base}ort/`]: ort }, options);
}
