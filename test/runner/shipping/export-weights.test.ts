/** The weights of a checkpoint under torchvision's names. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { describeNetwork, describeState } from '../../../src/graph/step/describe.js';
import { imageNet, preprocessingOf } from '../../../src/graph/preprocessing.js';
import type { TrainingOptions } from '../../../src/graph/options.js';
import { saveCheckpoint } from '../../../src/runner/checkpoints/checkpoint.js';
import { encodeWeights } from '../../../src/runner/shipping/export-weights.js';
import { exportModel } from '../../../src/runner/shipping/export.js';
import { applyWeights } from '../../../src/runner/pretrained/apply.js';
import type { Safetensors } from '../../../src/runner/formats/safetensors.js';
import { decodeSafetensors } from '../../../src/runner/formats/safetensors.js';
import { openWeights } from '../../../src/runner/weights/open-weights.js';
import { temporaryFolder } from '../data/images.js';
import { smallMetadata } from '../checkpoints/small-checkpoint.js';

const golden = JSON.parse(readFileSync(new URL('../../golden/model-resnet18.json', import.meta.url), 'utf8')) as {
  state: [name: string, shape: number[]][];
};
const options: TrainingOptions = {
  ...smallMetadata().options,
  ...{ model: 'resnet18', featDim: 512, embedDim: 128, imageSize: 64, optimizer: 'sgd' },
};
const layout = describeNetwork(options);
/** No two neighbors alike, and the two vectors different. */
const values = (count: number, seed: number) => Float32Array.from({ length: count }, (_, i) => Math.sin(i + seed));
const [params, buffers] = [values(layout.paramCount, 1), values(layout.bufferCount, 2)];
const preprocessing = preprocessingOf({ ...options, resize: 'cover' });
const trained = { network: options, params, buffers, preprocessing, step: 31 } as const;

const folder = temporaryFolder();
const at = (name: string) => path.join(folder.path, name);
let file: Safetensors;

beforeAll(async () => {
  const sizes = describeState(options, layout).map(({ name, shape: [size = 1] }) => [name, new Float32Array(size)]);
  const state = { ...Object.fromEntries(sizes), params, buffers };
  const metadata = { ...smallMetadata(), options, step: 31, runOptions: { resize: 'cover' } };
  await saveCheckpoint(at('checkpoint.safetensors'), { layout, state, metadata });
  await exportModel(at('checkpoint.safetensors'), at('weights.safetensors'));
  file = decodeSafetensors(readFileSync(at('weights.safetensors')), 'weights.safetensors');
});

describe('exported weights', () => {
  it("have the names, shapes and order of torchvision's state_dict, the head at the end", () => {
    const floats = file.tensors.filter(({ dtype }) => dtype === 'F32');
    const expected = golden.state.map(([name, shape]) => [name.replace('base_net.', ''), shape]);
    expect(floats.map(({ name, shape }) => [name, shape])).toEqual(expected);
    expect(file.tensors.slice(-2).map(({ name }) => name)).toEqual(['dense.weight', 'dense.bias']);
  });

  it('count the steps behind the running statistics of every batch normalization', () => {
    const names = file.tensors.map(({ name }) => name);
    const variances = names.flatMap((name, i) => (name.endsWith('.running_var') ? [i] : []));
    expect(variances).toHaveLength(20);
    for (const i of variances) {
      const { name, dtype, shape, data } = file.tensors[i + 1]!;
      expect(name).toBe(names[i]!.replace('running_var', 'num_batches_tracked'));
      expect([dtype, shape]).toEqual(['I64', []]);
      expect(Buffer.from(data).readBigInt64LE()).toBe(31n);
    }
    expect(file.tensors).toHaveLength(golden.state.length + variances.length);
  });

  it('say what network they are of and how its images are prepared', () => {
    const { normalization, preprocessing: pixels, ...rest } = file.metadata;
    expect(JSON.parse(pixels!)).toEqual(preprocessing);
    expect(JSON.parse(normalization!)).toEqual(imageNet);
    expect(rest).toEqual({
      ...{ format: 'pt', model: 'resnet18', feat_dim: '512', embed_dim: '128', image_size: '64' },
      ...{ resize: 'cover', step: '31' },
    });
  });

  it('come back as the same vectors', async () => {
    const weights = await openWeights(at('weights.safetensors'));
    const vectors = { params: new Float32Array(params.length), buffers: new Float32Array(buffers.length) };
    const report = await applyWeights(weights, layout, vectors);
    await weights.close();
    expect(report).toMatchObject({ skipped: [], fresh: [] });
    expect(Buffer.from(vectors.params.buffer).equals(Buffer.from(params.buffer))).toBe(true);
    expect(Buffer.from(vectors.buffers.buffer).equals(Buffer.from(buffers.buffer))).toBe(true);
  });

  it('of a network without batch normalization are its parameters', () => {
    const network = { ...options, model: 'squeezenet1_1' };
    const plain = describeNetwork(network);
    const vectors = { params: values(plain.paramCount, 3), buffers: new Float32Array(0) };
    const { tensors } = decodeSafetensors(
      Buffer.concat(encodeWeights({ ...trained, ...vectors, network })),
      'squeezenet',
    );
    expect(tensors.map(({ name }) => name)).toEqual(plain.params.map(({ name }) => name.replace('base_net.', '')));
  });
});

describe('the ending of the file', () => {
  it.each(['model.pth', 'model', 'onnx'])('%s is refused before anything is read', async (name) => {
    await expect(exportModel(at('nowhere.safetensors'), at(name))).rejects.toThrow(
      new RegExp(`${name} what to write\\. Let it end in \\.onnx .* or in \\.safetensors`),
    );
    expect(readdirSync(folder.path)).not.toContain(name);
  });

  it('may be in capital letters', async () => {
    const { bytes, network } = await exportModel(at('checkpoint.safetensors'), at('WEIGHTS.SAFETENSORS'));
    expect(readFileSync(at('WEIGHTS.SAFETENSORS')).equals(readFileSync(at('weights.safetensors')))).toBe(true);
    expect(bytes).toBe(readFileSync(at('weights.safetensors')).length);
    expect(network).toEqual({ model: 'resnet18', featDim: 512, embedDim: 128, imageSize: 64 });
  });
});
