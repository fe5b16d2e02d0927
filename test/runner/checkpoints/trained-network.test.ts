/** What is done with a checkpoint after the training: evaluation, embedding, export; and artifacts without one. */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import ort from 'onnxruntime-node';
import { beforeAll, describe, expect, it } from 'vitest';
import { describeNetwork, initialState } from '../../../src/graph/step/describe.js';
import type { TrainingOptions } from '../../../src/graph/options.js';
import { buildArtifactFiles } from '../../../src/runner/shipping/build.js';
import { saveCheckpoint } from '../../../src/runner/checkpoints/checkpoint.js';
import { openImageFolder } from '../../../src/runner/data/folder.js';
import { wholeSquares } from '../../../src/graph/preprocessing.js';
import { decodeImage } from '../../../src/runner/data/decode.js';
import { embedImages } from '../../../src/runner/evaluation/embed.js';
import { UserError } from '../../../src/runner/base/errors.js';
import { evaluate } from '../../../src/runner/evaluation/evaluate.js';
import { exportModel } from '../../../src/runner/shipping/export.js';
import { openSession } from '../../../src/runner/compute/session.js';
import { recallAtK, recallKs } from '../../../src/runner/evaluation/recall.js';
import { writeImageFolder } from '../../helpers/images.js';
import { temporaryFolder, writeFiles } from '../data/images.js';
import { smallRun } from '../training/train-options.js';

const folder = temporaryFolder();
const at = (...names: string[]) => path.join(folder.path, ...names);
const cpu = { device: 'cpu', deviceId: 0, threads: 1 } as const;
const common = { ...cpu, workers: 0, skipBad: false };
const training = {
  ...smallRun({ dataPath: '', out: '' }),
  ...{ classes: 4, dropout: 0, learnBeta: true, provider: 'cpu' },
} satisfies TrainingOptions;
const checkpoint = () => at('checkpoint.safetensors');
let valPaths: string[];

beforeAll(async () => {
  await writeImageFolder(at('data'));
  const state = initialState(training, 3);
  const runOptions = { resize: 'cover' };
  const metadata = { epoch: 1, epochStep: 0, step: 2, seed: 3, options: training, runOptions, best: null };
  await saveCheckpoint(checkpoint(), { layout: describeNetwork(training), state, metadata });
  valPaths = (await openImageFolder(at('data'), 'val')).images.map((image) => image.path);
});

describe('embedImages', () => {
  it('gives unit vectors that do not depend on the batches', async () => {
    const seen: number[] = [];
    const onProgress = (done: number) => seen.push(done);
    const batched = await embedImages(checkpoint(), valPaths, { ...common, batchSize: 5 }, { onProgress });
    expect(seen).toEqual([5, 10, 12]);
    expect(batched).toMatchObject({ dim: 8, paths: valPaths, skipped: [] });
    for (let row = 0; row < 12; row++) {
      expect(Math.hypot(...batched.embeddings.subarray(row * 8, row * 8 + 8))).toBeCloseTo(1, 5);
    }
    const { embeddings } = await embedImages(checkpoint(), valPaths, common);
    expect(Math.max(...embeddings.map((value, i) => Math.abs(value - batched.embeddings[i]!)))).toBeLessThan(1e-5);
  });

  it('names files that cannot be read, or leaves them out', async () => {
    await writeFiles(folder.path, { 'bad.png': 'no image' });
    const paths = [valPaths[0]!, at('bad.png'), valPaths[1]!];
    await expect(embedImages(checkpoint(), paths, common)).rejects.toThrow(/1 of 3 images cannot be read:\n.*bad\.png/);
    const { embeddings, ...rest } = await embedImages(checkpoint(), paths, { ...common, skipBad: true });
    expect(embeddings).toHaveLength(16);
    expect(rest).toMatchObject({ paths: [valPaths[0], valPaths[1]], skipped: [{ path: at('bad.png') }] });
  });

  it('gives nothing for no images', async () => {
    expect((await embedImages(checkpoint(), [], common)).embeddings).toHaveLength(0);
  });
});

describe('evaluate', () => {
  it('gives the recall of the embeddings of a split', async () => {
    const stages: string[] = [];
    const options = { ...common, checkpoint: checkpoint(), dataPath: at('data'), workers: 2 };
    const result = await evaluate(options, {
      onProgress: (stage, done, total) => stages.push(`${stage} ${done}/${total}`),
    });
    expect(stages).toEqual(['check 12/12', 'embed 12/12', 'search 12/12']);
    expect(result).toMatchObject({ images: 12, classes: 4, skipped: [] });
    const { embeddings } = await embedImages(checkpoint(), valPaths, common);
    const labels = Int32Array.from({ length: 12 }, (_, i) => Math.floor(i / 3));
    expect(result.recall).toEqual(await recallAtK(embeddings, 8, labels, recallKs, cpu));
  });

  it('ends when it is told to', async () => {
    const controller = new AbortController();
    const evaluation = evaluate(
      { ...common, checkpoint: checkpoint(), dataPath: at('data'), batchSize: 4 },
      { signal: controller.signal, onProgress: (stage) => stage === 'embed' && controller.abort() },
    );
    await expect(evaluation).rejects.toMatchObject({ name: 'AbortError' });
  });
});

describe('exportModel', () => {
  it('writes a model that gives the same embeddings', async () => {
    const exported = await exportModel(checkpoint(), at('new', 'model.onnx'));
    const bytes = await readFile(at('new', 'model.onnx'));
    expect(exported).toMatchObject({ path: at('new', 'model.onnx'), bytes: bytes.length });
    const pixels = await Promise.all(valPaths.map((file) => decodeImage(file, wholeSquares(32, 'cover', 'shifted'))));
    const session = await openSession(bytes, cpu);
    const images = new ort.Tensor('uint8', Buffer.concat(pixels), [12, 32, 32, 3]);
    const actual = (await session.run({ images })).embeddings!.data as Float32Array;
    await session.release();
    const { embeddings } = await embedImages(checkpoint(), valPaths, common);
    expect(Math.max(...embeddings.map((value, i) => Math.abs(value - actual[i]!)))).toBeLessThan(1e-4);
  });
});

describe('buildArtifactFiles', () => {
  it('writes the models and a manifest', async () => {
    const files = await buildArtifactFiles(training, at('artifacts'));
    const names = [
      'training_model.onnx',
      'optimizer_model.onnx',
      'train_loop.onnx',
      'eval_model.onnx',
      'manifest.json',
    ];
    expect(files).toEqual(names.map((name) => at('artifacts', name)));
    expect((await readdir(at('artifacts'))).sort()).toEqual([...names].sort());
  });

  it('refuses options that no graph can be built from', async () => {
    const building = buildArtifactFiles({ ...training, batchSize: 7 }, at('refused'));
    await expect(building).rejects.toBeInstanceOf(UserError);
    await expect(building).rejects.toThrow('--batch-size 7');
    await expect(readdir(at('refused'))).rejects.toThrow('ENOENT');
  });
});
