import { Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { buildEvalModel, buildOptimizerModel, buildTrainingModel, buildTrainLoop } from '../../src/graph/artifacts.js';
import { buildExportModel } from '../../src/graph/export.js';
import { describeNetwork } from '../../src/graph/flat.js';
import { initialState } from '../../src/graph/init.js';
import { buildArtifacts } from '../../src/graph/manifest.js';
import { decodeModel } from '../../src/graph/onnx/schema.js';
import type { OptimizerName, TrainingOptions } from '../../src/graph/options.js';
import { Philox } from '../../src/graph/philox.js';
import type { TrainingState } from '../../src/graph/state.js';
import { stateTensors } from '../../src/graph/state.js';
import { openModel, relativeError, runModel } from '../helpers/graphs.js';

const options: TrainingOptions = {
  model: 'resnet18',
  featDim: 16,
  embedDim: 8,
  imageSize: 32,
  batchSize: 6,
  batchK: 2,
  classes: 5,
  margin: 0.2,
  nu: 0.01,
  beta: 1.2,
  learnBeta: true,
  normalizeWeights: false,
  dropout: 0,
  freezeBn: false,
  backboneLrMult: 1,
  optimizer: 'sgd',
  momentum: 0.9,
  weightDecay: 1e-4,
  provider: 'cpu',
};
const steps = 3;
const { batchSize, batchK, imageSize } = options;
const pixels = batchSize * imageSize * imageSize * 3;

const random = new Philox(1, 'init', 500);
const data = {
  images: Uint8Array.from({ length: steps * pixels }, () => random.int(256)),
  labels: Int32Array.from({ length: steps * batchSize }, (_, i) => Math.floor(i / batchK) % 5),
  uniforms: random.fillUnit(new Float32Array(steps * batchSize * (batchK - 1))),
  lr: Float32Array.of(0.01, 0.01, 0.005),
  lr_beta: Float32Array.of(0.1, 0.1, 0.05),
};

type Tensors = Record<string, Tensor>;

function asTensors(state: TrainingState, { optimizer, classes }: TrainingOptions): Tensors {
  const layout = describeNetwork(options);
  const shapes = stateTensors(layout, optimizer, classes);
  return Object.fromEntries(shapes.map(({ name, shape }) => [name, new Tensor('float32', state[name]!, shape)]));
}

const pick = (tensors: Tensors, names: readonly string[]): Tensors =>
  Object.fromEntries(names.map((name) => [name, tensors[name]!]));

const advance = (state: Tensors, out: Tensors): Tensors =>
  Object.fromEntries(Object.entries(state).map(([name, before]) => [name, out[`${name}_out`] ?? before]));

async function oneByOne(run: TrainingOptions): Promise<{ state: Tensors; losses: number[] }> {
  const [training, update] = [await openModel(buildTrainingModel(run)), await openModel(buildOptimizerModel(run))];
  let state = asTensors(initialState(run, 3), run);
  const losses: number[] = [];
  for (let i = 0; i < steps; i++) {
    const row = <T extends Uint8Array | Int32Array | Float32Array>(all: T): T => {
      const size = all.length / steps;
      return all.subarray(i * size, (i + 1) * size) as T;
    };
    const feeds = {
      ...state,
      images: new Tensor('uint8', row(data.images), [batchSize, imageSize, imageSize, 3]),
      labels: new Tensor('int32', row(data.labels), [batchSize]),
      uniforms: new Tensor('float32', row(data.uniforms), [batchSize, batchK - 1]),
      lr: new Tensor('float32', row(data.lr), []),
      lr_beta: new Tensor('float32', row(data.lr_beta), []),
    };
    const step = (await training.run(pick(feeds, training.inputNames))) as Tensors;
    const gradients = {
      gradients: step['gradients']!,
      ...(run.learnBeta && { beta_gradient: step['beta_gradient']! }),
    };
    const after = (await update.run(pick({ ...feeds, ...gradients }, update.inputNames))) as Tensors;
    state = advance(state, { ...after, buffers_out: step['buffers_out']! });
    losses.push((step['loss']!.data as Float32Array)[0]!);
  }
  await Promise.all([training.release(), update.release()]);
  return { state, losses };
}

async function inOneLoop(run: TrainingOptions): Promise<{ state: Tensors; losses: number[] }> {
  const state = asTensors(initialState(run, 3), run);
  const out = (await runModel(buildTrainLoop(run), {
    ...state,
    images: new Tensor('uint8', data.images, [steps, batchSize, imageSize, imageSize, 3]),
    labels: new Tensor('int32', data.labels, [steps, batchSize]),
    uniforms: new Tensor('float32', data.uniforms, [steps, batchSize, batchK - 1]),
    lr: new Tensor('float32', data.lr, [steps]),
    lr_beta: new Tensor('float32', data.lr_beta, [steps]),
  })) as Tensors;
  return { state: advance(state, out), losses: Array.from(out['losses']!.data as Float32Array) };
}

describe('train_loop.onnx', () => {
  it.each<[OptimizerName, boolean]>([
    ['sgd', true],
    ['adam', true],
    ['sgd', false],
  ])(
    'equals step after step of training_model and optimizer_model bit for bit (%s, beta learned: %s)',
    async (optimizer, learnBeta) => {
      const run = { ...options, optimizer, learnBeta };
      const [apart, loop] = [await oneByOne(run), await inOneLoop(run)];
      expect(loop.losses).toEqual(apart.losses);
      expect(new Set(loop.losses).size).toBe(steps);
      for (const [name, tensor] of Object.entries(apart.state)) {
        expect(
          Buffer.compare(
            Buffer.from((loop.state[name]!.data as Float32Array).buffer),
            Buffer.from((tensor.data as Float32Array).buffer),
          ),
          name,
        ).toBe(0);
      }
      const moved = relativeError(loop.state['beta']!.data as Float32Array, initialState(run, 3)['beta']!);
      expect(moved > 0).toBe(learnBeta);
    },
  );
});

describe('artifacts', () => {
  it('are the same bytes for the same options, and listed in the manifest with hashes', async () => {
    const [first, second] = [await buildArtifacts(options), await buildArtifacts(options)];
    expect(first).toEqual(second);
    expect(first.map(({ name }) => name)).toEqual([
      'training_model.onnx',
      'optimizer_model.onnx',
      'train_loop.onnx',
      'eval_model.onnx',
      'manifest.json',
    ]);
    const manifest = JSON.parse(new TextDecoder().decode(first.at(-1)!.bytes));
    expect(manifest.models[2].inputs[0]).toEqual({ name: 'images', dtype: 'uint8', shape: ['steps', 6, 32, 32, 3] });
    expect(manifest.models[0].sha256).toMatch(/^[0-9a-f]{64}$/);
  });

  it('use the operators of the default domain only', () => {
    for (const build of [buildTrainLoop, buildEvalModel]) {
      const model = decodeModel(build(options));
      const bodies = model.graph.node.flatMap((node) => node.attribute.flatMap(({ g }) => g?.node ?? []));
      expect([...model.graph.node, ...bodies].filter(({ domain }) => domain)).toEqual([]);
      expect(model.opsetImport).toHaveLength(1);
    }
  });
});

describe('inference models', () => {
  it('exported (batch norm folded) and eval_model give the same unit-length embeddings for any batch size', async () => {
    const state = initialState(options, 3);
    state['buffers'] = state['buffers']!.map((v, i) => v + 0.1 * ((i % 7) / 7));
    const embed = async (model: Uint8Array, batch: number) => {
      const images = new Tensor('uint8', data.images.subarray(0, (batch * pixels) / batchSize), [
        batch,
        imageSize,
        imageSize,
        3,
      ]);
      const names = decodeModel(model).graph.input.map(({ name }) => name);
      const out = await runModel(model, pick({ images, ...asTensors(state, options) }, names));
      return out['embeddings']!.data as Float32Array;
    };
    const [evaluation, exported] = [buildEvalModel(options), buildExportModel(options, state, { name: 'x' })];
    const reference = await embed(evaluation, 4);
    expect(relativeError(await embed(exported, 4), reference)).toBeLessThan(1e-5);
    expect(relativeError(await embed(evaluation, 1), reference.subarray(0, 8))).toBeLessThan(1e-5);
    expect(Math.hypot(...reference.subarray(0, 8))).toBeCloseTo(1, 5);
    expect(decodeModel(exported).graph.node.some(({ opType }) => opType === 'BatchNormalization')).toBe(false);
  });
});

describe('networks', () => {
  it('unknown models are refused with the list of known ones', () => {
    expect(() => describeNetwork({ ...options, model: 'resnet19' })).toThrow(/resnet19.*resnet18, resnet34/);
    expect(() => describeNetwork({ ...options, model: 'constructor' })).toThrow(/unknown model/);
  });
});
