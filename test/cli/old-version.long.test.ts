/** What dws 0.1.0 wrote is loaded, resumed, reported and read. For test/cli/; the files are test/fixtures/v0.1.0/. */
import { cp, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadCheckpoint, openRun, readMetrics } from '../../src/index.js';
import { EmbeddingModel, Gallery } from '../../src/web/index.js';
import type { TestServer } from '../helpers/chromium.js';
import { serve } from '../helpers/chromium.js';
import { temporaryFolder } from '../runner/data/images.js';
import { readRgba } from '../web/small-model.js';
import { dws } from './dws.js';

interface Metadata {
  step: number;
  epoch: number;
  epochStep: number;
  best: { step: number; recall: number } | null;
}

interface Expected {
  runs: Record<string, { metadata: Metadata; recall: Record<string, number>; embeddings: Record<string, number[]> }>;
  resumed: { steps: { step: number; epoch: number; loss: number }[]; metadata: Metadata };
  web: { modelHash: string; variants: string[] };
}

const fixture = fileURLToPath(new URL('../fixtures/v0.1.0', import.meta.url));
const expected = JSON.parse(await readFile(path.join(fixture, 'expected.json'), 'utf8')) as Expected;
const runs = Object.entries(expected.runs);
/** Of embeddings and losses: other kinds of CPU and versions of ONNX Runtime add in other orders. */
const tolerance = 1e-4;

const folder = temporaryFolder();
const at = (...names: string[]) => path.join(folder.path, ...names);
const inFolder = (args: string, cwd = folder.path) => dws(args.split(' '), { cwd });
const alone = '--threads 1 --workers 0';

beforeAll(() => cp(fixture, folder.path, { recursive: true }));

/** The largest difference of two lists of numbers. */
function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  return Math.max(...Array.from(a, (value, i) => Math.abs(value - b[i]!)));
}

/** Rows of a NumPy array of float32. */
async function readNpy(file: string): Promise<number[][]> {
  const bytes = await readFile(file);
  const start = 10 + bytes.readUInt16LE(8);
  const [rows, columns] = /'shape': \((\d+), (\d+)\)/
    .exec(bytes.toString('latin1', 10, start))!
    .slice(1)
    .map(Number);
  const value = (i: number) => bytes.readFloatLE(start + 4 * i);
  return Array.from({ length: rows! }, (_, row) =>
    Array.from({ length: columns! }, (_, column) => value(row * columns! + column)),
  );
}

/** The table that `dws eval` prints. */
function readRecall(stdout: string): Record<string, number> {
  const ks = [...stdout.matchAll(/Recall@(\d+)/g)].map(([, k]) => k!);
  const values = /^val +(.*)$/m.exec(stdout)?.[1]?.split(/ +/) ?? [];
  return Object.fromEntries(ks.map((k, i) => [k, Number(values[i])]));
}

describe.each(runs)('the checkpoint of %s', (run, { metadata, recall, embeddings }) => {
  const checkpoint = `${run}/checkpoint.safetensors`;

  it('is loaded with what it says of its training', async () => {
    expect((await loadCheckpoint(at(checkpoint))).metadata).toMatchObject(metadata);
  });

  it('has the same Recall@k, in all 4 digits', async () => {
    const { code, stdout, stderr } = await inFolder(`eval --checkpoint ${checkpoint} --data-path data ${alone}`);
    expect([code, stderr]).toEqual([0, '']);
    expect(readRecall(stdout)).toEqual(recall);
  });

  it('gives the same embeddings', async () => {
    const { code } = await inFolder(`embed data/val --checkpoint ${checkpoint} --out ${run}.npy ${alone}`);
    expect(code).toBe(0);
    expect((await readFile(at(`${run}.txt`), 'utf8')).trim().split('\n')).toEqual(Object.keys(embeddings));
    expect(distance((await readNpy(at(`${run}.npy`))).flat(), Object.values(embeddings).flat())).toBeLessThan(
      tolerance,
    );
  });
});

it('a training goes on in the middle of its epoch, with the same losses', async () => {
  const { steps, metadata } = expected.resumed;
  for (const name of ['data', 'adam-run']) await cp(path.join(fixture, name), at('later', name), { recursive: true });
  const resume = `train --data-path data --out adam-run --resume auto --epochs 2 --tensorboard ${alone}`;
  const { code, stdout, stderr } = await inFolder(resume, at('later'));
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/^resumed +after 1 epoch, 6 steps$/m);

  const lines = await readMetrics(at('later', 'adam-run', 'metrics.jsonl'));
  const trained = lines.filter((line) => line.kind === 'step');
  expect(trained.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  const next = trained.slice(-steps.length);
  expect(next.map(({ step, epoch }) => [step, epoch])).toEqual(steps.map(({ step, epoch }) => [step, epoch]));
  const lossesOf = (list: { loss: number | null }[]) => list.map(({ loss }) => loss ?? NaN);
  expect(distance(lossesOf(next), lossesOf(steps))).toBeLessThan(tolerance);

  const { step, epoch, epochStep } = metadata;
  const after = await loadCheckpoint(at('later', 'adam-run', 'checkpoint.safetensors'));
  expect(after.metadata).toMatchObject({ step, epoch, epochStep });
  const { segments } = (await openRun(at('later', 'adam-run'))).record;
  expect(segments.map(({ status }) => status)).toEqual(['interrupted', 'done']);
  const names = await readdir(at('later', 'adam-run'));
  expect(names.filter((name) => name.startsWith('events.out.tfevents.'))).toHaveLength(2);
});

describe('a run folder', () => {
  it.each(runs.map(([run]) => run))('%s gets its report', async (run) => {
    const { code, stderr } = await inFolder(`report ${run} -o ${run}.html ${alone}`);
    expect([code, stderr]).toEqual([0, '']);
    expect(await readFile(at(`${run}.html`), 'utf8')).toMatch(/^<!doctype html>[^]*squeezenet1_1/);
  });

  it('is repeated bit for bit, or what has changed since is named', async () => {
    const { code, stdout, stderr } = await inFolder('verify sgd-run');
    expect(stderr).toBe('');
    if (code === 0)
      expect(stdout).toMatch(/^identical: 4 steps, 3 evaluations and 2 checkpoints are those of sgd-run/m);
    else {
      expect(stdout).toMatch(/^changed since the training:\n( {2}\S.* -> .*\n)+[^]*^not repeated: /m);
      expect(code).toBe(4);
    }
  });

  it('is compared with another one', async () => {
    const { code, stdout, stderr } = await inFolder('diff sgd-run adam-run');
    expect([code, stderr]).toEqual([3, '']);
    expect(stdout).toMatch(/^ {2}--optimizer: sgd -> adam$/m);
    expect(stdout).toMatch(/^ {2}--clip-norm: not given -> 10$/m);
    expect(stdout).toMatch(/first difference in 4 steps and 1 evaluation: loss of step 1: 1\.183\d* -> 1\.224/);
    expect(stdout).toMatch(/^ {2}best\.safetensors: only in RUN_A$/m);
  });
});

describe('the folder for web pages', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await serve({ '/': folder.path });
  });
  afterAll(() => server.close());

  const { embeddings } = expected.runs['sgd-run']!;
  const files = Object.keys(embeddings);

  it.each(['fp32', 'fp16'] as const)(
    'has a model, %s, that gives the embeddings of the checkpoint',
    async (variant) => {
      const model = await EmbeddingModel.load(`${server.origin}/web`, { variant });
      expect(model.info).toMatchObject({
        modelHash: expected.web.modelHash,
        featDim: 4,
        embedDim: 4,
        imageSize: 32,
        step: 4,
      });
      expect(model.info.variants.map(({ name }) => name)).toEqual(expected.web.variants);
      for (const file of files) {
        const embedding = await model.embed(await readRgba(at(file)));
        expect(distance(embedding, embeddings[file]!), file).toBeLessThan(variant === 'fp32' ? tolerance : 1e-3);
      }
      await model.dispose();
    },
  );

  it.each([
    ['web/gallery', 1e-4],
    ['gallery-int8', 1e-2],
  ])('has a gallery that is searched, %s', async (name, bound) => {
    const model = await EmbeddingModel.load(`${server.origin}/web`);
    const gallery = await Gallery.load(`${server.origin}/${name}`, model.info);
    const ids = files.map((file) => file.slice('data/val/'.length));
    expect(gallery.info.ids).toEqual(ids);
    expect(gallery.positions).toHaveLength(2 * ids.length);
    for (const [index, id] of ids.entries()) {
      const [nearest] = gallery.search(Float32Array.from(embeddings[files[index]!]!), ids.length);
      expect(nearest).toMatchObject({ index, id, label: path.dirname(id) });
      expect(nearest!.distance).toBeLessThan(bound);
    }
    await model.dispose();
  });
});
