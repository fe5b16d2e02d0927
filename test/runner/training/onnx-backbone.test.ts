import { copyFile, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadCheckpoint } from '../../../src/runner/checkpoints/checkpoint.js';
import { embedImages } from '../../../src/runner/evaluation/embed.js';
import { findImages } from '../../../src/runner/evaluation/find-images.js';
import type { TrainEvent } from '../../../src/runner/training/events.js';
import { readMetrics } from '../../../src/runner/training/metrics-file.js';
import { writeImageFolder } from '../../helpers/images.js';
import { temporaryFolder } from '../data/images.js';
import { trainSmall } from './train-options.js';

const folder = temporaryFolder();
const at = (...names: string[]) => path.join(folder.path, ...names);
const golden = fileURLToPath(new URL('../../golden/onnx/vit.onnx', import.meta.url));
const modules = () => ({ backbone: { path: at('vit.onnx') } });
const run = (out: string) => ({
  ...{ dataPath: at('data'), out: at(out), lr: 1e-3, optimizer: 'adam' as const, featDim: 16 },
  ...{ model: 'vit', modules: modules() },
});
const checkpointOf = (name: string) => at(name, 'checkpoint.safetensors');
const lossesOf = async (name: string) =>
  (await readMetrics(at(name, 'metrics.jsonl'))).flatMap((line) => (line.kind === 'step' ? [line.loss!] : []));
const notesOf = (events: readonly TrainEvent[]) =>
  events.flatMap((event) => (event.kind === 'note' ? [event.message] : []));

beforeAll(async () => {
  await writeImageFolder(at('data'));
  await copyFile(golden, at('vit.onnx'));
});

describe('a training of an ONNX file', () => {
  it('learns from the weights of the file, and resumes to the same bytes', async () => {
    await trainSmall({ ...run('whole'), epochs: 2 });
    await trainSmall({ ...run('resumed'), epochs: 1 });
    await trainSmall({ ...run('resumed'), epochs: 2, resume: checkpointOf('resumed') });
    const [once, twice] = await Promise.all(['whole', 'resumed'].map((name) => readFile(checkpointOf(name))));
    expect(twice!.equals(once!)).toBe(true);
    const { state } = await loadCheckpoint(checkpointOf('whole'));
    expect(state['params']!.length).toBeGreaterThan(20_000);
  });

  it('needs no file to embed, and embeds the same with it', async () => {
    await trainSmall({ ...run('kept'), epochs: 1 });
    const paths = await findImages([at('data', 'val')]);
    const withFile = await embedImages(checkpointOf('kept'), paths, { modules: modules() });
    await rm(at('vit.onnx'));
    const without = await embedImages(checkpointOf('kept'), paths);
    await copyFile(golden, at('vit.onnx'));
    expect(without.embeddings).toEqual(withFile.embeddings);
  });

  it('computes the features of a frozen backbone once, and has its head alone among the parameters', async () => {
    const frozen = { backboneOptions: { freeze: 'all' }, flip: 0.5, epochs: 2 };
    const { events } = await trainSmall({ ...run('frozen'), ...frozen });
    expect(notesOf(events)).toContainEqual(expect.stringMatching(/^only the head learns: the features of \d+ images/));
    expect((await lossesOf('frozen')).every(Number.isFinite)).toBe(true);
    const { state } = await loadCheckpoint(checkpointOf('frozen'));
    expect(state['params']!.length).toBe(8 * 17);
  });
});
