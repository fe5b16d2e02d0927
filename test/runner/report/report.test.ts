import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PageData } from '../../../src/report-page/data.js';
import { evaluate } from '../../../src/runner/evaluation/evaluate.js';
import { readMetrics } from '../../../src/runner/training/metrics-file.js';
import { makeReport } from '../../../src/runner/report/report.js';
import { seriousFaults } from '../../helpers/axe.js';
import { chromiumPath, launchChromium, needsChromium } from '../../helpers/chromium.js';
import { writeImageFolder } from '../../helpers/images.js';
import { pattern, temporaryFolder, writeFiles } from '../data/images.js';
import { trainSmall } from '../training/train-options.js';

const folder = temporaryFolder();
const at = (...names: string[]) => path.join(folder.path, ...names);
const options = { device: 'cpu', deviceId: 0, threads: 1, workers: 0, images: 1000, untrained: false } as const;

/** Names that would become something else than text where a page is careless. */
const hostile = ['<!--<script>', '"><img src=x onerror=alert(1)>', "' & 😀 ]]>"];

beforeAll(async () => {
  await writeImageFolder(at('data'));
  const names = hostile.flatMap((name) => [0, 1, 2].map((i) => `data/val/${name}/${i}.png`));
  await writeFiles(folder.path, Object.fromEntries(names.map((name, i) => [name, pattern(24, 24, 3, 500 + i)])));
  await trainSmall({ dataPath: at('data'), out: at('run'), epochs: 2, clipNorm: 9 });
});

/** What a page is made of. */
async function readPage(file: string): Promise<{ page: string; data: PageData }> {
  const page = await readFile(file, 'utf8');
  const [, json] = /<script type="application\/json" id="data">(.*?)<\/script>/s.exec(page)!;
  return { page, data: JSON.parse(json!) as PageData };
}

/** A copy of the run with something missing. */
async function lacking(name: string, lose: (run: string) => Promise<unknown>): Promise<string> {
  const run = at(name);
  await cp(at('run'), run, { recursive: true });
  await lose(run);
  return run;
}

/** What an evaluation takes of a report's options. */
const shared = Object.fromEntries(Object.entries(options).filter(([key]) => !['images', 'untrained'].includes(key)));

describe('makeReport', () => {
  it('has the curves, the numbers of dws eval, and what the network makes of the images', async () => {
    const stages = new Set<string>();
    const { bytes, notes } = await makeReport(
      at('run'),
      at('whole.html'),
      { ...options, untrained: true },
      {
        onProgress: (stage) => stages.add(stage),
      },
    );
    expect(notes).toEqual([]);
    const { page, data } = await readPage(at('whole.html'));
    expect(Buffer.byteLength(page)).toBe(bytes);
    expect(Object.keys(data.charts).sort()).toEqual(
      ['beta', 'distances', 'gradient-norm', 'learning-rates', 'loss', 'pairs', 'recall', 'sampled'].sort(),
    );
    expect(stages).toEqual(new Set(['check', 'embed', 'search', 'cluster', 'batches', 'map', 'pictures', 'untrained']));
    const { metrics, recall } = await evaluate({
      ...{
        ...shared,
        checkpoint: at('run', 'best.safetensors'),
        dataPath: at('data'),
        metrics: 'all',
        skipBad: false,
      },
    });
    const tiles = [...page.matchAll(/<span class="number">([\d.]+)<\/span>\s*<span class="before"/g)].map(([, n]) => n);
    const { r_precision, mean_average_precision_at_r, NMI } = metrics!;
    expect(tiles).toEqual([recall[1]!, r_precision, mean_average_precision_at_r, NMI].map((x) => x.toFixed(3)));
    const total = (chart: string, series: number) =>
      data.charts[chart]!.series[series]!.values.reduce<number>((sum, value) => sum + value!, 0);
    for (const series of [0, 1]) expect(total('distances', series) * (2 / 80)).toBeCloseTo(1, 2);
    for (const series of [0, 1, 2]) expect(total('sampled', series) * (2 / 80)).toBeCloseTo(1, 2);
    expect(total('beta', 0)).toBe(4);
  });

  it.each([
    [1, true],
    [0, false],
  ])('says so where no evaluation is better than the %i before the training: %s', async (first, isTold) => {
    const run = await lacking(`before-${first}`, async (copy) => {
      const file = path.join(copy, 'metrics.jsonl');
      const lines = (await readMetrics(file)).map((line) =>
        line.kind === 'eval' && line.step === 0 ? { ...line, recall: { ...line.recall, 1: first } } : line,
      );
      await writeFile(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    });
    await makeReport(run, at('compared.html'), options);
    const { page } = await readPage(at('compared.html'));
    expect(page.includes('is not better than the 1.000 of the network before it')).toBe(isTold);
  });

  it('has what the untrained network came to beside each number, by the same seed', async () => {
    const { page } = await readPage(at('whole.html'));
    const before = [...page.matchAll(/<span class="before">([\d.]+) before training/g)].map(([, n]) => n);
    const lines = await readMetrics(at('run', 'metrics.jsonl'));
    const first = lines.find((line) => line.kind === 'eval')!;
    expect(first.step).toBe(0);
    expect(before).toHaveLength(4);
    expect(before[0]).toBe(first.recall['1']!.toFixed(3));
    await makeReport(at('run'), at('alone.html'), options);
    const alone = (await readPage(at('alone.html'))).page;
    expect(alone.match(/class="before">/g)).toHaveLength(1);
    expect(alone).toContain(`${before[0]} before training`);
  });

  it('can be mailed: it holds no folder of this machine', async () => {
    const run = await lacking('private', (copy) => writeFile(path.join(copy, 'best.safetensors'), 'torn'));
    const { notes } = await makeReport(run, at('private.html'), options);
    expect(notes.join()).toContain(folder.path);
    const { page } = await readPage(at('private.html'));
    expect(page).not.toContain(folder.path);
    expect(page).not.toContain(os.homedir() + path.sep);
    expect(page).toContain('best.safetensors');
  });

  it('leaves out the number of a CUDA device that was not used', async () => {
    const { page } = await readPage(at('whole.html'));
    expect(page).toContain('<code>--device</code>');
    expect(page).not.toContain('<code>--gpus</code>');
  });

  it('says how many queries have nothing to find', async () => {
    await cp(at('data'), at('alone'), { recursive: true });
    await writeFiles(at('alone'), { 'val/lonely/0.png': pattern(24, 24, 3, 900) });
    await makeReport(at('run'), at('lonely.html'), { ...options, dataPath: at('alone') });
    expect((await readPage(at('lonely.html'))).page).toContain('1 of 22 queries has no other image of their class');
  });

  it('has every image of the map, and its options with what they mean', async () => {
    await makeReport(at('run'), at('map.html'), { ...options, descriptions: { batchK: 'images of each class' } });
    const { page, data } = await readPage(at('map.html'));
    const { x, names, classes, thumbs } = data.map!;
    expect([x.length, names.length, classes.length]).toEqual([21, 21, 7]);
    expect(classes.filter((name) => hostile.includes(name))).toHaveLength(3);
    const sheet = Buffer.from(thumbs.sheets[0]!.split(',')[1]!, 'base64');
    expect(await sharp(sheet).metadata()).toMatchObject({ format: 'webp', width: thumbs.columns * thumbs.size });
    expect(page).toMatch(/--batch-k<\/code>[\s\S]{0,200}images of each class/);
    expect(page).toContain('--clip-norm');
  });

  it('looks at no more images than it may, and says so', async () => {
    await makeReport(at('run'), at('some.html'), { ...options, images: 12 });
    const { page, data } = await readPage(at('some.html'));
    expect(data.map!.x.length).toBeLessThanOrEqual(12);
    expect(page).toMatch(/Of 21 test images, 1\d were looked at/);
  });

  it('without its images has the curves, and says what is missing', async () => {
    const run = await lacking('moved', async (copy) => {
      const file = path.join(copy, 'run.json');
      const text = await readFile(file, 'utf8');
      await writeFile(file, text.replaceAll(JSON.stringify(at('data')), JSON.stringify(at('gone'))));
    });
    const { notes } = await makeReport(run, at('moved.html'), options);
    expect(notes.join('\n')).toMatch(
      /images of train and val can’t be shown: the data of the run, .*gone, is not there any more/,
    );
    const { page, data } = await readPage(at('moved.html'));
    expect(Object.keys(data.charts)).toEqual(expect.arrayContaining(['loss', 'recall', 'beta']));
    expect(data.map).toBeUndefined();
    expect(page).toContain('gone, is not there any more');
    const { notes: found } = await makeReport(run, at('found.html'), { ...options, dataPath: at('data') });
    expect(found).toEqual([]);
    expect((await readPage(at('found.html'))).data.map).toBeDefined();
  });

  it('leaves out images that can’t be read', async () => {
    await cp(at('data'), at('damaged'), { recursive: true });
    await writeFile(at('damaged', 'val', 'val-0', '0.png'), 'no image');
    await makeReport(at('run'), at('damaged.html'), { ...options, dataPath: at('damaged') });
    const { page, data } = await readPage(at('damaged.html'));
    expect(data.map!.x).toHaveLength(20);
    expect(page).toContain('1 image can’t be read');
  });

  it('of a run that has only begun tells that there is nothing yet', async () => {
    const run = await lacking('begun', async (copy) => {
      await Promise.all(['best.safetensors', 'checkpoint.safetensors'].map((name) => rm(path.join(copy, name))));
      await writeFile(path.join(copy, 'metrics.jsonl'), '');
    });
    const { notes } = await makeReport(run, at('begun.html'), options);
    expect(notes.join('\n')).toMatch(/no checkpoint yet/);
    const { page, data } = await readPage(at('begun.html'));
    expect(data.charts).toEqual({});
    expect(page).toContain('No step was written yet');
  });

  it('takes the last checkpoint where the best is damaged, and says so', async () => {
    const run = await lacking('torn', (copy) => writeFile(path.join(copy, 'best.safetensors'), 'torn'));
    const { notes } = await makeReport(run, at('torn.html'), options);
    expect(notes).toEqual([expect.stringMatching(/best.safetensors/), expect.stringMatching(/last one/)]);
    expect((await readPage(at('torn.html'))).data.map).toBeDefined();
  });

  it('refuses what was asked for and is not there, and writes nothing', async () => {
    const attempts: [() => Promise<unknown>, RegExp][] = [
      [() => makeReport(at('none'), at('no.html'), options), /can't read .*none/],
      [() => makeReport(at('data'), at('no.html'), options), /has no run.json/],
      [() => makeReport(at('run'), at('no.html'), { ...options, dataPath: at('gone') }), /gone does not exist/],
      [() => makeReport(at('run'), at('no.html'), { ...options, checkpoint: at('gone') }), /can't read .*gone/],
      [() => makeReport(at('run'), at('run', 'run.json', 'no.html'), options), /can't write/],
    ];
    for (const [attempt, message] of attempts) await expect(attempt()).rejects.toThrow(message);
    await expect(readFile(at('no.html'))).rejects.toThrow('ENOENT');
  });

  it('stops when it is aborted, and leaves nothing behind', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const hooks = { signal: controller.signal, onProgress: () => controller.abort(reason) };
    await expect(makeReport(at('run'), at('stopped.html'), options, hooks)).rejects.toBe(reason);
    await expect(readFile(at('stopped.html'))).rejects.toThrow('ENOENT');
  });
});

describe.skipIf(!chromiumPath)(`a report in a browser${needsChromium}`, () => {
  let browser: Browser;

  beforeAll(async () => {
    browser = await launchChromium();
    await makeReport(at('run'), at('seen.html'), options);
  });
  afterAll(() => browser?.close());

  /** Opens the report from its file. */
  async function visit(look: BrowserContextOptions = {}): Promise<{ page: Page; complaints: string[] }> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...look });
    const page = await context.newPage();
    page.setDefaultTimeout(20_000);
    const complaints: string[] = [];
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('console', (message) => complaints.push(message.text()));
    page.on('dialog', (dialog) => {
      complaints.push(`dialog ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on('request', (request) => {
      if (!/^(file|data):/.test(request.url())) complaints.push(request.url());
    });
    await page.goto(pathToFileURL(at('seen.html')).href);
    return { page, complaints };
  }

  it.each<[string, BrowserContextOptions]>([
    ['light', {}],
    ['dark', { colorScheme: 'dark' }],
    ['on a phone', { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true }],
  ])('%s: draws everything, fetches nothing, complains about nothing and fits', async (_, look) => {
    const { page, complaints } = await visit(look);
    for (const chart of await page.locator('.chart, .map').all()) {
      await chart.scrollIntoViewIfNeeded();
      expect(await chart.locator('canvas').count()).toBe(1);
    }
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(look.viewport?.width ?? 1280);
    const table = page.locator('.options').locator('xpath=..');
    expect(await table.evaluate((one) => one.scrollWidth - one.clientWidth)).toBe(0);
    expect(complaints).toEqual([]);
  });

  it.each(['light', 'dark'] as const)('%s: has no fault that axe calls serious', async (colorScheme) => {
    const { page } = await visit({ colorScheme, bypassCSP: true });
    expect(await seriousFaults(page)).toEqual([]);
  });

  it('hostile names of classes stay text', async () => {
    const { page, complaints } = await visit();
    const shown = await page.locator('.queries .name').allTextContents();
    expect(hostile.some((name) => shown.includes(name))).toBe(true);
    expect(await page.locator('img[src=x]').count()).toBe(0);
    expect(complaints).toEqual([]);
  });

  it('the pointer shows the image of a point of the map', async () => {
    const { page, complaints } = await visit();
    const map = page.locator('#map');
    await map.scrollIntoViewIfNeeded();
    const { data } = await readPage(at('seen.html'));
    const over = (await page.locator('#map .u-over').boundingBox())!;
    const { x, y, classes, labels, names } = data.map!;
    const [left, right, low, high] = [Math.min(...x), Math.max(...x), Math.min(...y), Math.max(...y)];
    const place = {
      x: over.x + (over.width * (x[4]! - left)) / (right - left),
      y: over.y + (over.height * (high - y[4]!)) / (high - low),
    };
    await page.mouse.move(place.x - 2, place.y - 1);
    await page.mouse.move(place.x, place.y);
    const card = page.locator('#map .card');
    await card.waitFor();
    expect(await card.locator('strong').textContent()).toBe(classes[labels[4]!]);
    expect(await card.locator('.card-name').textContent()).toBe(names[4]);
    expect(await card.locator('.card-picture').evaluate((one) => getComputedStyle(one).backgroundImage)).toMatch(
      /^url\("data:image\/webp/,
    );
    await page.mouse.move(over.x + over.width / 2, over.y - 60);
    await card.waitFor({ state: 'hidden' });
    expect(complaints).toEqual([]);
  });

  it('the keyboard goes from image to image', async () => {
    const { page, complaints } = await visit();
    await page.locator('#map').focus();
    const card = page.locator('#map .card');
    await card.waitFor();
    const seen = new Set<string | null>();
    for (const key of ['ArrowLeft', 'ArrowUp', 'ArrowRight', 'ArrowRight', 'ArrowDown', 'ArrowDown']) {
      seen.add(await card.locator('.card-name').textContent());
      await page.keyboard.press(key);
    }
    expect(seen.size).toBeGreaterThan(2);
    await page.keyboard.press('Escape');
    await card.waitFor({ state: 'hidden' });
    expect(complaints).toEqual([]);
  });

  it('is printed on light paper, whatever the screen is', async () => {
    const { page, complaints } = await visit({ colorScheme: 'dark' });
    expect((await page.pdf({ format: 'A4' })).length).toBeGreaterThan(20_000);
    await page.evaluate(() => dispatchEvent(new Event('beforeprint')));
    expect(await page.evaluate(() => getComputedStyle(document.body).backgroundColor)).toBe('rgb(255, 255, 255)');
    await page.evaluate(() => dispatchEvent(new Event('afterprint')));
    expect(await page.evaluate(() => getComputedStyle(document.body).backgroundColor)).not.toBe('rgb(255, 255, 255)');
    expect(complaints).toEqual([]);
  });
});
