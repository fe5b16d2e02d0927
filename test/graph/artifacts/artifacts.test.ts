import { Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import {
  buildEvalModel,
  buildOptimizerModel,
  buildTrainingModel,
  buildTrainLoop,
  dropoutBytes,
} from '../../../src/graph/artifacts/artifacts.js';
import { buildExportModel } from '../../../src/graph/artifacts/export.js';
import { describeNetwork, describeState, initialState } from '../../../src/graph/step/describe.js';
import { buildArtifacts } from '../../../src/graph/artifacts/manifest.js';
import { decodeModel } from '../../../src/graph/onnx/schema.js';
import type { NetworkOptions, TrainingOptions } from '../../../src/graph/options.js';
import { Philox } from '../../../src/graph/state/philox.js';
import type { TrainingState } from '../../../src/graph/state/state.js';
import { openModel, relativeError, runModel } from '../../helpers/graphs.js';

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

function asTensors(state: TrainingState, run: TrainingOptions): Tensors {
  const shapes = describeState(run, describeNetwork(run));
  return Object.fromEntries(shapes.map(({ name, shape }) => [name, new Tensor('float32', state[name]!, shape)]));
}

const pick = (tensors: Tensors, names: readonly string[]): Tensors =>
  Object.fromEntries(names.map((name) => [name, tensors[name]!]));

const advance = (state: Tensors, out: Tensors): Tensors =>
  Object.fromEntries(Object.entries(state).map(([name, before]) => [name, out[`${name}_out`] ?? before]));

/** The bytes of dropout for all steps, and their shape in the loop; nothing for a network without. */
function dropoutData(run: TrainingOptions) {
  const count = dropoutBytes(describeNetwork(run), run);
  return new Philox(2, 'dropout').fillBytes(new Uint8Array(steps * count));
}

async function oneByOne(run: TrainingOptions): Promise<{ state: Tensors; losses: number[] }> {
  const [training, update] = [await openModel(buildTrainingModel(run)), await openModel(buildOptimizerModel(run))];
  let state = asTensors(initialState(run, 3), run);
  const losses: number[] = [];
  const dropout = dropoutData(run);
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
      dropout: new Tensor('uint8', row(dropout), [dropout.length / steps]),
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
  const dropout = dropoutData(run);
  const out = (await runModel(buildTrainLoop(run), {
    ...state,
    ...(dropout.length > 0 && { dropout: new Tensor('uint8', dropout, [steps, dropout.length / steps]) }),
    images: new Tensor('uint8', data.images, [steps, batchSize, imageSize, imageSize, 3]),
    labels: new Tensor('int32', data.labels, [steps, batchSize]),
    uniforms: new Tensor('float32', data.uniforms, [steps, batchSize, batchK - 1]),
    lr: new Tensor('float32', data.lr, [steps]),
    lr_beta: new Tensor('float32', data.lr_beta, [steps]),
  })) as Tensors;
  return { state: advance(state, out), losses: Array.from(out['losses']!.data as Float32Array) };
}

describe('train_loop.onnx', () => {
  it.each<[string, Partial<TrainingOptions>]>([
    ['SGD', { optimizer: 'sgd' }],
    ['Adam', { optimizer: 'adam' }],
    ['constant beta', { learnBeta: false }],
    ['dropout', { model: 'squeezenet1_1', dropout: 0.5 }],
    ['a slow backbone of frozen batch normalization', { backboneLrMult: 0.01, freezeBn: true, optimizer: 'adam' }],
  ])('equals step after step of training_model and optimizer_model bit for bit (%s)', async (_name, changes) => {
    const run = { ...options, ...changes };
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
    expect(moved > 0).toBe(run.learnBeta);
  });

  const train = async (changes: Partial<TrainingOptions>) => {
    const run = { ...options, ...changes };
    const { state, losses } = await inOneLoop(run);
    const values = (name: string) => state[name]!.data as Float32Array;
    return { params: values('params'), buffers: values('buffers'), losses, start: initialState(run, 3) };
  };

  it('moves the backbone but for its last layer at its own learning rate', async () => {
    const { bodyCount } = describeNetwork(options);
    const [still, usual] = [await train({ backboneLrMult: 0 }), await train({})];
    const body = (values: Float32Array) => values.subarray(0, bodyCount);
    const rest = (values: Float32Array) => values.subarray(bodyCount);
    expect(relativeError(body(still.params), body(still.start['params']!))).toBe(0);
    expect(relativeError(rest(still.params), rest(still.start['params']!))).toBeGreaterThan(0);
    expect(relativeError(body(usual.params), body(usual.start['params']!))).toBeGreaterThan(0);
  });

  it('keeps the running statistics with frozen batch normalization, and learns its weights', async () => {
    const { params, buffers, start } = await train({ freezeBn: true });
    expect(buffers).toEqual(start['buffers']);
    const { params: specs } = describeNetwork(options);
    const before = specs.findIndex(({ name }) => name === 'base_net.bn1.weight');
    const offset = specs.slice(0, before).reduce((n, { shape }) => n + shape.reduce((a, b) => a * b, 1), 0);
    expect(params.subarray(offset, offset + 64)).not.toEqual(new Float32Array(64).fill(1));
  });

  it('trains with other numbers when the bytes of dropout are used', async () => {
    const model = 'squeezenet1_1';
    expect((await train({ model, dropout: 0.5 })).losses).not.toEqual((await train({ model })).losses);
  });
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
  it.each<[string, number]>([
    ['resnet18', 32],
    ['densenet121', 32],
    ['inception_v3', 75],
    ['squeezenet1_0', 32],
  ])(
    '%s: exported and eval_model give the same unit-length embeddings for any batch size',
    async (model, imageSize) => {
      const run: TrainingOptions & NetworkOptions = { ...options, model, imageSize };
      const state = initialState(run, 3);
      state['buffers'] = state['buffers']!.map((v, i) => v + 0.1 * ((i % 7) / 7));
      const size = imageSize ** 2 * 3;
      const bytes = Uint8Array.from({ length: 4 * size }, (_, i) => data.images[i % data.images.length]!);
      const embed = async (onnx: Uint8Array, batch: number) => {
        const images = new Tensor('uint8', bytes.subarray(0, batch * size), [batch, imageSize, imageSize, 3]);
        const names = decodeModel(onnx).graph.input.map(({ name }) => name);
        const out = await runModel(onnx, pick({ images, ...asTensors(state, run) }, names));
        return out['embeddings']!.data as Float32Array;
      };
      const [evaluation, exported] = [buildEvalModel(run), buildExportModel(run, state, { name: 'x' })];
      const reference = await embed(evaluation, 4);
      expect(relativeError(await embed(exported, 4), reference)).toBeLessThan(1e-5);
      expect(relativeError(await embed(evaluation, 1), reference.subarray(0, 8))).toBeLessThan(1e-5);
      expect(Math.hypot(...reference.subarray(0, 8))).toBeCloseTo(1, 5);
      // DenseNets normalize joined features, where no convolution stands in front.
      const folded = !decodeModel(exported).graph.node.some(({ opType }) => opType === 'BatchNormalization');
      expect(folded).toBe(model !== 'densenet121');
    },
  );
});

describe('networks', () => {
  it('unknown models are refused with the list of known ones', () => {
    expect(() => describeNetwork({ ...options, model: 'resnet19' })).toThrow(/resnet19.*resnet18, resnet34/);
    expect(() => describeNetwork({ ...options, model: 'constructor' })).toThrow(/unknown model/);
  });
});
