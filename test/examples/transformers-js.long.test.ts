/** The shipped folder in transformers.js itself. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { describeNetwork, initialState } from '../../src/graph/step/describe.js';
import type { TrainingOptions } from '../../src/graph/options.js';
import { saveCheckpoint } from '../../src/runner/checkpoints/checkpoint.js';
import { embedImages } from '../../src/runner/evaluation/embed.js';
import { writeEmbeddings } from '../../src/runner/evaluation/embedding-files.js';
import { exportWeb } from '../../src/runner/shipping/web-export.js';
import { chromiumPath, launchChromium } from '../helpers/chromium.js';
import { pattern, temporaryFolder } from '../runner/data/images.js';
import { smallRun } from '../runner/training/train-options.js';

const example = path.resolve('examples/transformers-js');
const isInstalled = existsSync(path.join(example, 'node_modules/@huggingface/transformers'));
const needsInstall = isInstalled ? '' : ' (skipped: not installed; npm ci in examples/transformers-js)';

const folder = temporaryFolder();
const at = (name: string) => path.join(folder.path, name);
const sizes = [
  [17, 23],
  [64, 64],
  [100, 40],
  [300, 200],
] as const;
const images = () => sizes.map((_, i) => at(`${i}.png`));

interface Served {
  server: { close(): void };
  origin: string;
}

describe.skipIf(!isInstalled)(`transformers.js${needsInstall}`, () => {
  beforeAll(async () => {
    const training = {
      ...smallRun({ dataPath: '', out: '' }),
      ...{ classes: 4, dropout: 0, learnBeta: true, provider: 'cpu' },
    } satisfies TrainingOptions;
    const state = initialState(training, 3);
    const metadata = { epoch: 1, epochStep: 0, step: 2, seed: 3, options: training, best: null };
    const runOptions = { resize: 'cover' };
    const checkpoint = at('checkpoint.safetensors');
    await saveCheckpoint(checkpoint, {
      layout: describeNetwork(training),
      state,
      metadata: { ...metadata, runOptions },
    });
    for (const [i, [width, height]] of sizes.entries()) await pattern(width, height, 3, i).toFile(images()[i]!);
    await exportWeb(checkpoint, at('model'), { variants: ['fp16', 'int8'], skipBad: false, workers: 0, threads: 1 });
    const cpu = { device: 'cpu', deviceId: 0, threads: 1, workers: 0, skipBad: false } as const;
    await writeEmbeddings(at('reference.jsonl'), await embedImages(checkpoint, images(), cpu));
  });

  it('gives the embeddings of dws embed, in every form, in Node.js and in Chromium', async () => {
    const args = [path.join(example, 'check.mjs'), at('model'), at('reference.jsonl')];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    const lines = stdout.trim().split('\n');
    const places = ['Node.js', ...(chromiumPath ? ['Chromium'] : [])];
    const expected = places.flatMap((place) =>
      ['default', 'fp32', 'fp16', 'int8'].map((form) => `${place}, ${form}: 4`),
    );
    expect(lines.filter((line) => line.endsWith(', same')).map((line) => line.split(' images')[0])).toEqual(expected);
  });

  it.skipIf(!chromiumPath)('shows which images are alike in a page, without a word in the console', async () => {
    const { serve } = (await import(path.join(example, 'serve.mjs'))) as {
      serve: (mounts: Record<string, string>) => Promise<Served>;
    };
    const { server, origin } = await serve({ '/model/': at('model') });
    const browser = await launchChromium();
    try {
      const page = await browser.newPage();
      const errors: string[] = [];
      page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
      page.on('pageerror', (error) => errors.push(error.message));
      await page.goto(origin);
      await page.getByText('Ready.').waitFor();
      await page.getByLabel('Choose some').setInputFiles(images());
      await page.getByText('Cosine to 0.png.').waitFor();
      const items = await page.getByRole('listitem').allTextContents();
      expect(items).toHaveLength(4);
      expect(items[0]).toBe('0.png: 1.000');
      expect(errors).toEqual([]);
      expect((await page.request.get(`${origin}/model/..%2Fcheckpoint.safetensors`)).status()).toBe(404);
    } finally {
      await browser.close();
      server.close();
    }
  });
});
