import { Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { buildTrainingModel } from '../../../src/graph/artifacts/artifacts.js';
import { describeNetwork, initialState } from '../../../src/graph/step/describe.js';
import type { HeadTrainingOptions } from '../../../src/graph/artifacts/head-training.js';
import {
  buildHeadGradientModel,
  buildHeadTrainLoop,
  describeHead,
  headStateTensors,
  initialHeadState,
} from '../../../src/graph/artifacts/head-training.js';
import { decodeModel, encodeModel } from '../../../src/graph/onnx/schema.js';
import type { TrainingOptions } from '../../../src/graph/options.js';
import { Philox } from '../../../src/graph/state/philox.js';
import { randomTensor, relativeError, runModel } from '../../helpers/graphs.js';

const head: HeadTrainingOptions = {
  featDim: 12,
  embedDim: 6,
  batchSize: 6,
  batchK: 3,
  classes: 2,
  margin: 0.2,
  nu: 0.01,
  learnBeta: true,
  normalizeWeights: false,
  optimizer: 'adam',
  momentum: 0.9,
  weightDecay: 1e-4,
};
const { batchSize, batchK, featDim, classes } = head;
const { paramCount } = describeHead(head);

const floats = (data: Float32Array, dims: number[]) => new Tensor('float32', data, dims);
const ints = (data: Int32Array, dims: number[]) => new Tensor('int32', data, dims);
const values = (tensor: Tensor | undefined) => tensor!.data as Float32Array;

describe('the gradient of a head', () => {
  const whole: TrainingOptions = {
    ...head,
    model: 'resnet18',
    imageSize: 32,
    beta: 1.2,
    dropout: 0,
    freezeBn: false,
    backboneLrMult: 1,
    provider: 'cpu',
  };

  /** The whole network's step, with what its backbone gives as one more output. */
  function trainingModelWithFeatures(options: TrainingOptions): Uint8Array {
    const model = decodeModel(buildTrainingModel(options));
    const dense = model.graph.node.find(({ name }) => name === 'dense/Gemm')!;
    const shape = { dim: [{ dimValue: batchSize }, { dimValue: featDim }] };
    model.graph.output.push({ name: dense.input[0]!, type: { tensorType: { elemType: 1, shape } } });
    return encodeModel(model);
  }

  it.each([true, false])('is that of the whole network for `dense` (beta learned: %s)', async (learnBeta) => {
    const options = { ...whole, learnBeta };
    const layout = describeNetwork(options);
    const state = initialState(options, 3);
    const random = new Philox(1, 'init', 500);
    const pixels = Uint8Array.from({ length: batchSize * 32 * 32 * 3 }, () => random.int(256));
    const shared = {
      labels: ints(Int32Array.of(1, 1, 1, 0, 0, 0), [batchSize]),
      uniforms: floats(random.fillUnit(new Float32Array(batchSize * (batchK - 1))), [batchSize, batchK - 1]),
      beta: floats(Float32Array.of(1.1, 1.3), [classes]),
    };
    const model = trainingModelWithFeatures(options);
    const reference = await runModel(model, {
      ...shared,
      images: new Tensor('uint8', pixels, [batchSize, 32, 32, 3]),
      params: floats(state['params']!, [layout.paramCount]),
      buffers: floats(state['buffers']!, [layout.bufferCount]),
    });
    const features = Object.entries(reference).find(([name]) => name.startsWith('base_net'))![1] as Tensor;
    const out = await runModel(buildHeadGradientModel({ ...head, learnBeta }), {
      ...shared,
      features,
      params: floats(state['params']!.slice(-paramCount), [paramCount]),
    });
    expect(values(out['loss'] as Tensor)[0]).toBeGreaterThan(0.05);
    for (const name of ['loss', 'embeddings', ...(learnBeta ? ['beta_gradient'] : [])]) {
      expect(relativeError(values(out[name] as Tensor), values(reference[name] as Tensor)), name).toBeLessThan(1e-6);
    }
    const dense = values(reference['gradients'] as Tensor).slice(-paramCount);
    expect(relativeError(values(out['gradients'] as Tensor), dense)).toBeLessThan(1e-5);
    expect('beta_gradient' in out).toBe(learnBeta);
  });
});

describe('the training loop of a head', () => {
  const steps = 120;
  const images = 5;
  const random = new Philox(2, 'init', 500);
  // Images 0 to 2 are of class 1, images 3 and 4 of class 0, which needs one of them twice.
  const data = {
    features: floats(randomTensor([images, featDim], 1), [images, featDim]),
    indices: ints(
      Int32Array.from({ length: steps * batchSize }, (_, i) => [0, 1, 2, 3, 4, 3][i % 6]!),
      [steps, batchSize],
    ),
    labels: ints(
      Int32Array.from({ length: steps * batchSize }, (_, i) => (i % 6 < 3 ? 1 : 0)),
      [steps, batchSize],
    ),
    uniforms: floats(random.fillUnit(new Float32Array(steps * batchSize * (batchK - 1))), [
      steps,
      batchSize,
      batchK - 1,
    ]),
    lr: floats(new Float32Array(steps).fill(0.01), [steps]),
    lr_beta: floats(new Float32Array(steps).fill(0.1), [steps]),
  };
  const params = randomTensor([paramCount], 2).map((value) => 0.3 * value);
  const stateFeeds = (options: HeadTrainingOptions) => {
    const state = initialHeadState(options, params, 1.2);
    return Object.fromEntries(
      headStateTensors(options).map(({ name, shape }) => [name, floats(state[name]!, shape)] as const),
    );
  };
  it.each<[string, Partial<HeadTrainingOptions>]>([
    ['Adam', { nu: 0 }],
    ['SGD', { nu: 0, optimizer: 'sgd' }],
    ['constant beta', { nu: 0, learnBeta: false }],
  ])('lowers the loss (%s)', async (_name, changes) => {
    const options = { ...head, ...changes };
    const out = await runModel(buildHeadTrainLoop(options), { ...data, ...stateFeeds(options) });
    const losses = values(out['losses'] as Tensor);
    expect(losses.length).toBe(steps);
    expect(losses.at(-1)).toBeLessThan(0.5 * losses[0]!);
    const beta = values(out['beta_out'] as Tensor);
    expect(beta.some((value) => Math.abs(value - 1.2) > 1e-3)).toBe(options.learnBeta);
  });

  it('makes the update that the gradient says', async () => {
    const options: HeadTrainingOptions = { ...head, optimizer: 'sgd' };
    const once = Object.fromEntries(
      Object.entries(data).map(([name, tensor]) => {
        if (name === 'features') return [name, tensor];
        const row = (tensor.data as Float32Array).slice(0, tensor.data.length / steps);
        return [name, new Tensor(tensor.type as 'float32', row, [1, ...tensor.dims.slice(1)])];
      }),
    );
    const out = await runModel(buildHeadTrainLoop(options), { ...once, ...stateFeeds(options) });
    const rows = [0, 1, 2, 3, 4, 3].flatMap((image) =>
      Array.from(values(data.features).subarray(image * featDim, (image + 1) * featDim)),
    );
    const gradient = await runModel(buildHeadGradientModel(options), {
      features: floats(Float32Array.from(rows), [batchSize, featDim]),
      labels: ints(Int32Array.of(1, 1, 1, 0, 0, 0), [batchSize]),
      uniforms: floats(values(data.uniforms).slice(0, batchSize * (batchK - 1)), [batchSize, batchK - 1]),
      params: floats(params, [paramCount]),
      beta: floats(new Float32Array(classes).fill(1.2), [classes]),
    });
    expect(values(out['losses'] as Tensor)[0]).toBe(values(gradient['loss'] as Tensor)[0]);
    const step = values(gradient['gradients'] as Tensor).map((d, i) => d + head.weightDecay * params[i]!);
    const expected = params.map((value, i) => value - 0.01 * step[i]!);
    expect(relativeError(values(out['params_out'] as Tensor), expected)).toBeLessThan(1e-6);
  });
});
