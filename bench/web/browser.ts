/** What is measured inside Chromium. */
import type { Page } from 'playwright-core';
import type { WebVariantName } from '../../src/graph/artifacts/web-model.js';
import type { Device, EmbeddingModel } from '../../src/web/index.js';
import { launchChromium } from '../../test/helpers/chromium.js';
import type { PageGlobals } from '../../test/web/page.js';
import { openPage, servePage } from '../../test/web/page.js';

export interface Setup {
  name: string;
  device: Device;
  threads: number;
}

export const setups: readonly Setup[] = [
  { name: 'wasm, 1 thread', device: 'wasm', threads: 1 },
  { name: 'wasm, 2 threads', device: 'wasm', threads: 2 },
  { name: 'WebGPU', device: 'webgpu', threads: 1 },
];

/** Images whose URLs and embeddings cross between the page and this program at a time. */
const chunk = 20;

/** Seconds from the call of `load` to the first embedding, with the model left in the page. */
const firstEmbedding = (tab: Page, setup: Setup, variant: WebVariantName, url: string): Promise<number> =>
  tab.evaluate(
    async ({ device, threads, variant: form, url: image }) => {
      const { EmbeddingModel } = (globalThis as unknown as PageGlobals).dws;
      const begun = performance.now();
      const model = await EmbeddingModel.load('/model', { device, threads, variant: form });
      await model.embed(image);
      const seconds = (performance.now() - begun) / 1000;
      if (model.threads < threads) throw new Error(model.threadLimit);
      Object.assign(globalThis, { model });
      return seconds;
    },
    { ...setup, variant, url },
  );

async function embedAll(tab: Page, urls: readonly string[]): Promise<{ embeddings: Float32Array[]; seconds: number }> {
  const embeddings: Float32Array[] = [];
  let seconds = 0;
  for (let first = 0; first < urls.length; first += chunk) {
    const part = await tab.evaluate(
      async (images) => {
        const { model } = globalThis as unknown as { model: EmbeddingModel };
        const begun = performance.now();
        const found = await model.embedBatch(images);
        const taken = (performance.now() - begun) / 1000;
        return { found: found.map((embedding) => Array.from(embedding)), taken };
      },
      urls.slice(first, first + chunk),
    );
    seconds += part.taken;
    embeddings.push(...part.found.map((values) => Float32Array.from(values)));
  }
  return { embeddings, seconds };
}

export interface Measured {
  /** Seconds to the first embedding, of a browser that has seen nothing yet. */
  cold: number;
  /** The same when the page is opened again. */
  warm: number;
  /** Of each list of images. */
  embedded: { embeddings: Float32Array[]; seconds: number }[];
}

/** @param lists names of images within `folder` */
export async function measureModel(
  folder: string,
  setup: Setup,
  variant: WebVariantName,
  lists: readonly (readonly string[])[],
): Promise<Measured> {
  const server = await servePage(folder, { isolated: setup.threads > 1, cached: true });
  const browser = await launchChromium({ webgpu: setup.device === 'webgpu' });
  try {
    const { page: tab, problems } = await openPage(browser, server);
    tab.setDefaultTimeout(0);
    const [first] = lists.flat();
    const open = () => firstEmbedding(tab, setup, variant, `/${first}`);
    const cold = await open();
    // Chromium keeps compiled code from the second visit on.
    for (let visit = 0; visit < 2; visit++) {
      await tab.reload();
      await tab.waitForFunction(() => 'dws' in globalThis);
      if (visit === 0) await open();
    }
    const warm = await open();
    const embedded = [];
    for (const names of lists) {
      embedded.push(
        await embedAll(
          tab,
          names.map((name) => `/${name}`),
        ),
      );
    }
    if (problems.length > 0) throw new Error(`the console of Chromium has: ${problems.join('; ')}`);
    return { cold, warm, embedded };
  } finally {
    await browser.close();
    await server.close();
  }
}

export interface SearchTimes {
  /** Milliseconds of the first search in the page. */
  first: number;
  /** Median of the others. */
  median: number;
}

const searches = 21;

/** The ten nearest of a random query in each gallery, in a page of its own. */
export async function measureSearch(folder: string, names: readonly string[]): Promise<SearchTimes[]> {
  const server = await servePage(folder);
  const browser = await launchChromium();
  try {
    const times: SearchTimes[] = [];
    for (const name of names) {
      const { page: tab } = await openPage(browser, server);
      const taken = await tab.evaluate(
        async ({ url, count }) => {
          const { Gallery } = (globalThis as unknown as PageGlobals).dws;
          const gallery = await Gallery.load(url);
          const all: number[] = [];
          for (let i = 0; i < count; i++) {
            const query = Float32Array.from({ length: gallery.info.dim }, () => (Math.random() - 0.5) / 3);
            const begun = performance.now();
            gallery.search(query, 10);
            all.push(performance.now() - begun);
          }
          return all;
        },
        { url: `/${name}`, count: searches },
      );
      const [first, ...others] = taken;
      others.sort((a, b) => a - b);
      times.push({ first: first!, median: others[Math.floor(others.length / 2)]! });
      await tab.close();
    }
    return times;
  } finally {
    await browser.close();
    await server.close();
  }
}
