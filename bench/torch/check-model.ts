/** One network to and fro between PyTorch and dws. */
import * as ort from 'onnxruntime-node';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { buildEvalModel } from '../../src/graph/artifacts/artifacts.js';
import { describeNetwork, describeState } from '../../src/graph/step/describe.js';
import type { NetworkOptions } from '../../src/graph/options.js';
import type { NetworkLayout } from '../../src/graph/state/state.js';
import { saveCheckpoint } from '../../src/runner/checkpoints/checkpoint.js';
import { exportModel } from '../../src/runner/shipping/export.js';
import { openSession } from '../../src/runner/compute/session.js';
import { applyWeights } from '../../src/runner/pretrained/apply.js';
import type { NetworkVectors } from '../../src/runner/pretrained/apply.js';
import type { DeviceOptions } from '../../src/runner/options/run-options.js';
import { float32View } from '../../src/runner/formats/safetensors.js';
import { openWeights } from '../../src/runner/weights/open-weights.js';
import { benchOptions } from '../training.js';
import { largestCosineBetween, smallestCosine } from './embeddings.js';
import { runPeer } from './python.js';

/** Embeddings are the same above this. */
export const leastCosine = 0.99999;
/** Of two images; above this their difference would drown in rounding. */
const mostBetweenImages = 0.9999;

/** What PyTorch writes; the format is what `openWeights` has to call it. */
const written = [
  { format: 'PyTorch zip', file: 'zip.pth' },
  { format: 'PyTorch legacy', file: 'legacy.pth' },
  { format: 'safetensors', file: 'plain.safetensors' },
  { format: 'ONNX', file: 'model.onnx' },
] as const;
const back = 'back in PyTorch';

export const columns: readonly string[] = [...written.map(({ format }) => format), back];

export interface Result {
  column: string;
  /** The smallest of the images; NaN when it did not come that far. */
  cosine: number;
  /** What went wrong; undefined when the cosine is above the bound. */
  problem?: string;
}

/** Never throws: a failure is a result. */
async function attempt(column: string, compare: () => Promise<number>): Promise<Result> {
  try {
    const cosine = await compare();
    return cosine > leastCosine
      ? { column, cosine }
      : { column, cosine, problem: `the embeddings differ from PyTorch's: cosine ${cosine}` };
  } catch (error) {
    return { column, cosine: NaN, problem: (error as Error).message };
  }
}

/** Fills the vectors from a file that has to hold everything. */
async function load(file: string, format: string, layout: NetworkLayout, vectors: NetworkVectors): Promise<void> {
  const weights = await openWeights(file);
  try {
    if (weights.format !== format) throw new Error(`taken for ${weights.format}`);
    vectors.params.fill(NaN);
    vectors.buffers.fill(NaN);
    const { fresh, skipped } = await applyWeights(weights, layout, vectors);
    if (fresh.length > 0) throw new Error(`not loaded: ${fresh.join(', ')}`);
    if (skipped.length > 0) throw new Error(`without a place in the network: ${skipped.join(', ')}`);
  } finally {
    await weights.close();
  }
}

/** Writes a checkpoint of these weights and exports it, as `dws export` does. */
async function exportWeights(folder: string, network: NetworkOptions, vectors: NetworkVectors): Promise<void> {
  const layout = describeNetwork(network);
  const options = benchOptions({ ...network, batchSize: 4, batchK: 2, classes: 2, optimizer: 'sgd', provider: 'cpu' });
  const zeros = describeState(options, layout).map(
    ({ name, shape: [size = 1] }) => [name, new Float32Array(size)] as const,
  );
  const checkpoint = path.join(folder, 'checkpoint.safetensors');
  const runOptions = { resize: 'stretch' };
  await saveCheckpoint(checkpoint, {
    layout,
    state: { ...Object.fromEntries(zeros), ...vectors },
    metadata: { epoch: 1, epochStep: 0, step: 17, seed: 0, options, runOptions, best: null },
  });
  await exportModel(checkpoint, path.join(folder, 'weights.safetensors'));
  await rm(checkpoint);
}

const readFloats = async (file: string): Promise<Float32Array> => float32View(await readFile(file));

/**
 * PyTorch writes a network's weights in every format; each is loaded and has to embed images as PyTorch does; the export
 * is loaded by PyTorch and has to do so too. The temporary files are removed, large ones as soon as they were used.
 *
 * @throws Error when PyTorch can't write its files
 */
export async function checkModel(network: NetworkOptions, python: string, device: DeviceOptions): Promise<Result[]> {
  const { imageSize, embedDim } = network;
  const folder = await mkdtemp(path.join(tmpdir(), 'dws-torch-'));
  const at = (name: string) => path.join(folder, name);
  try {
    await runPeer(python, 'write', folder, network);
    const expected = await readFloats(at('written.bin'));
    const between = largestCosineBetween(expected, embedDim);
    if (!(between < mostBetweenImages)) throw new Error(`PyTorch's network tells no images apart: cosine ${between}`);
    const pixels = await readFile(at('images.bin'));
    const images = new ort.Tensor('uint8', pixels, [expected.length / embedDim, imageSize, imageSize, 3]);
    const layout = describeNetwork(network);
    const session = await openSession(buildEvalModel(network), device);
    const results: Result[] = [];
    // Of 550 MB in the largest networks: one for all formats.
    const vectors = {
      params: new Float32Array(layout.paramCount),
      buffers: new Float32Array(layout.bufferCount),
    };
    const { params, buffers } = vectors;
    for (const { format, file } of written) {
      const result = await attempt(format, async () => {
        await load(at(file), format, layout, vectors);
        const { embeddings } = await session.run({
          images,
          params: new ort.Tensor('float32', params, [params.length]),
          buffers: new ort.Tensor('float32', buffers, [buffers.length]),
        });
        return smallestCosine(embeddings!.data as Float32Array, expected, embedDim);
      });
      results.push(result);
      await rm(at(file));
    }
    await session.release();
    const last = results.at(-1)!;
    const returned = await attempt(back, async () => {
      if (last.problem !== undefined) throw new Error(`not tried with the weights from ${last.column}, which failed`);
      await exportWeights(folder, network, vectors);
      await runPeer(python, 'load', folder, network);
      return smallestCosine(await readFloats(at('loaded.bin')), expected, embedDim);
    });
    return [...results, returned];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
