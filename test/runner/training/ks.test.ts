import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { loadCheckpoint } from '../../../src/runner/checkpoints/checkpoint.js';
import { recallCurves } from '../../../src/runner/report/curves.js';
import { readMetrics } from '../../../src/runner/training/metrics-file.js';
import { writeImageFolder } from '../../helpers/images.js';
import { pattern, temporaryFolder, writeFiles } from '../data/images.js';
import { trainSmall } from './train-options.js';

const folder = temporaryFolder();
const at = (...names: string[]) => path.join(folder.path, ...names);
const small = () => ({ dataPath: at('data'), out: at('run'), model: 'squeezenet1_1' });

let trained: Awaited<ReturnType<typeof trainSmall>>;
beforeAll(async () => {
  await writeImageFolder(at('data'));
  await writeFiles(at('data'), { 'val/lonely/0.png': pattern(24, 24, 3, 900) });
  trained = await trainSmall({ ...small(), tensorboard: true, ks: [100, 3, 3] });
});

const recalls = async () =>
  (await readMetrics(at('run', 'metrics.jsonl'))).flatMap((line) => (line.kind === 'eval' ? [line.recall] : []));

it('a training tells the k that it is asked for, and Recall@1, which decides what is the best', async () => {
  for (const recall of await recalls()) expect(Object.keys(recall)).toEqual(['1', '3', '100']);
  const last = (await recalls()).at(-1)!;
  expect(trained.best!.recall).toBe(last['1']);
  expect((await loadCheckpoint(at('run', 'checkpoint.safetensors'))).metadata.runOptions['ks']).toEqual([1, 3, 100]);
});

it('TensorBoard has a tag for each', async () => {
  const [file] = (await readdir(at('run'))).filter((name) => name.includes('tfevents'));
  const events = await readFile(at('run', file!), 'latin1');
  for (const k of [1, 3, 100]) expect(events).toContain(`val/recall_at_${k}`);
  expect(events).not.toContain('val/recall_at_2');
});

it('says at the start how many queries have nothing to find, and the highest Recall@k', () => {
  const notes = trained.events.flatMap((event) => (event.kind === 'note' ? [event.message] : []));
  expect(notes).toEqual([expect.stringMatching(/^validation: 1 of 13 queries .* above 0\.9231\./)]);
});

it('a resumed training may be asked for others, and its curves are of all', async () => {
  const resume = at('run', 'checkpoint.safetensors');
  await trainSmall({ ...small(), epochs: 2, resume, ks: [2] });
  expect((await recalls()).map((recall) => Object.keys(recall).join())).toEqual(['1,3,100', '1,3,100', '1,2']);
  const curves = recallCurves(await readMetrics(at('run', 'metrics.jsonl')))!;
  expect(curves.series.map(({ label }) => label)).toEqual(['Recall@1', 'Recall@2', 'Recall@3', 'Recall@100']);
  expect(curves.series[1]!.values.slice(0, 2)).toEqual([null, null]);
});

it('a checkpoint of the default k says nothing of them, as those of earlier versions', async () => {
  await trainSmall({ ...small(), out: at('plain') });
  const { metadata } = await loadCheckpoint(at('plain', 'checkpoint.safetensors'));
  expect(metadata.runOptions).not.toHaveProperty('ks');
});

it('refuses what is no list of k, naming the option', async () => {
  for (const ks of [[], [0], [1.5], [2_000_000]]) {
    await expect(trainSmall({ ...small(), out: at('none'), ks })).rejects.toThrow(
      /^--ks .*: give 1 to 16 whole numbers/,
    );
  }
});
