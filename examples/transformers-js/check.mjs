// Holds transformers.js against dws, in Node.js and in Chromium: node check.mjs MODEL REFERENCE
//
// MODEL is a folder written by `dws export --web`, REFERENCE what `dws embed --format jsonl` wrote of the same checkpoint.
import { accessSync, constants } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { env, pipeline } from '@huggingface/transformers';
import { serve } from './serve.mjs';

const [model, reference] = process.argv.slice(2);
if (!reference) {
  console.error(
    'usage: node check.mjs MODEL REFERENCE   (folder of dws export --web, file of dws embed --format jsonl)',
  );
  process.exit(1);
}

/** The lowest cosine to dws's embeddings that counts as the same, by the form of the weights. */
const least = { fp32: 0.9999, fp16: 0.999, int8: 0.999 };

const lines = (await readFile(reference, 'utf8')).trim().split('\n').map(JSON.parse);
const { variants } = JSON.parse(await readFile(resolve(model, 'dws.json'), 'utf8'));
/** No dtype means the one that the folder's config.json names. */
const dtypes = [undefined, ...variants.map(({ name }) => name)];
const paths = lines.map(({ path }) => resolve(path));

const cosine = (a, b) => {
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    ab += a[i] * b[i];
    aa += a[i] ** 2;
    bb += b[i] ** 2;
  }
  return ab / Math.sqrt(aa * bb);
};

let isSame = true;
function report(where, dtype, embeddings) {
  const lowest = Math.min(...lines.map(({ embedding }, i) => cosine(embedding, embeddings[i])));
  const bound = least[dtype ?? 'fp32'];
  const holds = lowest >= bound;
  isSame &&= holds;
  const verdict = holds ? 'same' : `differs: less than ${bound}`;
  console.log(
    `${where}, ${dtype ?? 'default'}: ${lines.length} images, lowest cosine ${lowest.toFixed(7)}, ${verdict}`,
  );
}

env.allowRemoteModels = false;
for (const dtype of dtypes) {
  const extract = await pipeline('image-feature-extraction', resolve(model), { dtype });
  const embeddings = [];
  for (const path of paths) embeddings.push([...(await extract(path)).data]);
  report('Node.js', dtype, embeddings);
  await extract.dispose();
}

const chromiumPath = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser'].find((path) => {
  try {
    accessSync(path ?? '', constants.X_OK);
    return true;
  } catch {
    return false;
  }
});

async function inChromium({ chromium }) {
  const mounts = { '/model/': model };
  const urls = paths.map((path, i) => {
    mounts[`/image-${i}/`] = resolve(path, '..');
    return `/image-${i}/${encodeURIComponent(basename(path))}`;
  });
  const { server, origin } = await serve(mounts);
  const browser = await chromium.launch({ executablePath: chromiumPath, args: ['--no-sandbox'] });
  try {
    const page = await browser.newPage();
    await page.goto(origin);
    for (const dtype of dtypes) {
      const embeddings = await page.evaluate(
        async ([addresses, options]) => {
          const { loadModel } = await import('/model.mjs');
          const extract = await loadModel(options);
          const all = [];
          for (const address of addresses) all.push([...(await extract(address)).data]);
          await extract.dispose();
          return all;
        },
        [urls, dtype ? { dtype } : {}],
      );
      report('Chromium', dtype, embeddings);
    }
  } finally {
    await browser.close();
    server.close();
  }
}

const playwright = await import('playwright-core').catch(() => undefined);
if (chromiumPath && playwright) await inChromium(playwright);
else
  console.log(
    `Chromium: left out, there is no ${chromiumPath ? 'playwright-core (npm install in the root)' : 'Chromium'}`,
  );

process.exit(isSame ? 0 : 1);
