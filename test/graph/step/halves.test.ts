/** Mixed precision: float16 beside float32, and the scale of the loss. */
import { Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { buildTrainingModel, buildTrainLoop } from '../../../src/graph/artifacts/artifacts.js';
import type { TrainingOptions } from '../../../src/graph/options.js';
import { Philox } from '../../../src/graph/state/philox.js';
import type { TrainingState } from '../../../src/graph/state/state.js';
import { describeNetwork, describeState, initialState } from '../../../src/graph/step/describe.js';
import { GraphBuilder } from '../../../src/graph/builder/builder.js';
import { encodeModel } from '../../../src/graph/onnx/schema.js';
import type { Provider } from '../../../src/graph/options.js';
import type { Definitions } from '../../../src/graph/parts/parts.js';
import { nextScale } from '../../../src/graph/step/loss-scale.js';
import { openModel, runModel } from '../../helpers/graphs.js';
import { fixedSampling, otherLayers, smoothBackbone } from '../../helpers/smooth-backbones.js';

const [batchSize, batchK, classes] = [8, 4, 3] as const;

const common: TrainingOptions = {
  ...{ model: 'resnet18', imageSize: 32, batchSize, batchK, classes, featDim: 64, embedDim: 16, optimizer: 'sgd' },
  ...{ margin: 0.2, nu: 0, beta: 1.2, learnBeta: true, normalizeWeights: false, dropout: 0, freezeBn: false },
  ...{ backboneLrMult: 1, momentum: 0.9, weightDecay: 1e-4, provider: 'cpu' },
};
const half = { precision: 'fp16' } as const;
const small: TrainingOptions = { ...common, model: 'squeezenet1_1' };

function stateFeeds(
  options: TrainingOptions,
  state: TrainingState,
  definitions: Definitions = {},
): Record<string, Tensor> {
  const shapes = describeState(options, describeNetwork(options, definitions), definitions);
  return Object.fromEntries(shapes.map(({ name, shape }) => [name, new Tensor('float32', state[name]!, shape)]));
}

function images(options: TrainingOptions, steps: number[]): Record<string, Tensor> {
  const random = new Philox(3, 'sampling');
  const { imageSize } = options;
  const n = steps.reduce((a, b) => a * b, 1);
  const pixels = random.fillBytes(new Uint8Array(n * batchSize * imageSize * imageSize * 3));
  const labels = Int32Array.from({ length: n * batchSize }, (_, i) => Math.floor(i / batchK) % classes);
  const uniforms = random.fillUnit(new Float32Array(n * batchSize * (batchK - 1)));
  return {
    images: new Tensor('uint8', pixels, [...steps, batchSize, imageSize, imageSize, 3]),
    labels: new Tensor('int32', labels, [...steps, batchSize]),
    uniforms: new Tensor('float32', uniforms, [...steps, batchSize, batchK - 1]),
  };
}

async function run(model: Uint8Array, feeds: Record<string, Tensor>): Promise<Record<string, Float32Array>> {
  const session = await openModel(model);
  const given = Object.fromEntries(session.inputNames.map((name) => [name, feeds[name]!]));
  const outputs = await session.run(given);
  await session.release();
  return Object.fromEntries(Object.entries(outputs).map(([name, { data }]) => [name, data as Float32Array]));
}

function cosine(a: Float32Array, b: Float32Array): number {
  const dot = (x: Float32Array, y: Float32Array) => x.reduce((sum, value, i) => sum + value * y[i]!, 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

/** The gradient of one step. */
async function gradientsOf(
  options: TrainingOptions,
  definitions: Definitions = {},
): Promise<Record<string, Float32Array>> {
  const state = initialState(options, 1, describeNetwork(options, definitions), definitions);
  lowScale(state);
  const model = buildTrainingModel(options, 'uint8-nhwc', definitions);
  return run(model, { ...stateFeeds(options, state, definitions), ...images(options, []) });
}

/** Steps of the loop, from a state that is changed first. */
async function stepped(
  options: TrainingOptions,
  steps: number,
  change: (state: TrainingState) => void = () => undefined,
) {
  const state = initialState(options, 1);
  change(state);
  const rates = Object.fromEntries(
    ['lr', 'lr_beta'].map((name) => [name, new Tensor('float32', new Float32Array(steps).fill(1e-3), [steps])]),
  );
  const outputs = await run(buildTrainLoop(options), {
    ...stateFeeds(options, state),
    ...images(options, [steps]),
    ...rates,
  });
  return { state, outputs };
}

/** Below what overflows in a first step. */
const lowScale = (state: TrainingState): void => state['loss_scale']?.set([2 ** 10, 0]);

const sampling = fixedSampling(batchSize, batchK);

describe('a step in mixed precision', () => {
  it.each([
    ['squeezenet1_1', smoothBackbone('squeezenet1_1'), {}],
    ['resnet18', smoothBackbone('resnet18'), {}],
    ['resnet18', smoothBackbone('resnet18'), { freezeBn: true }],
    ['layers that no model of ours has', otherLayers, { imageSize: 64 }],
    ['layers that no model of ours has', otherLayers, { imageSize: 64, provider: 'cuda' }],
  ] as const)("has float32's gradients where a network has no kinks, cosine .999: %s", async (_, backbone, options) => {
    const all = { ...common, ...options };
    const definitions = { backbone, sampling };
    const [wide, narrow] = [await gradientsOf(all, definitions), await gradientsOf({ ...all, ...half }, definitions)];
    expect(cosine(narrow['gradients']!, wide['gradients']!)).toBeGreaterThan(0.999);
    expect(narrow['beta_gradient']!.every((value, i) => Math.abs(value - wide['beta_gradient']![i]!) < 1e-2)).toBe(
      true,
    );
  });

  // Where a value is within float16's rounding of 0, a ReLU's mask is another one: a share p of them turns a gradient by sqrt(p) in every
  // layer, more where batch normalization divides by small deviations. bench/results/precision.md has the other models.
  it.each([
    ['squeezenet1_1', 0.998, {}],
    ['resnet18', 0.97, {}],
    ['resnet18', 0.99, { freezeBn: true }],
    ['resnet18', 0.97, { provider: 'cuda' }],
  ] as const)(
    'has the gradients of float32, but for what rounding turns: %s, cosine above %d, %o',
    async (model, least, options) => {
      const all = { ...common, model, ...options };
      const [wide, narrow] = [await gradientsOf(all), await gradientsOf({ ...all, ...half })];
      expect(narrow['loss']![0]).toBeCloseTo(wide['loss']![0]!, 2);
      expect(cosine(narrow['gradients']!, wide['gradients']!)).toBeGreaterThan(least);
      const length = (x: Float32Array) => Math.sqrt(x.reduce((sum, value) => sum + value * value, 0));
      expect(length(narrow['gradients']!) / length(wide['gradients']!)).toBeCloseTo(1, 1);
      expect(narrow['beta_gradient']!.every((value, i) => Math.abs(value - wide['beta_gradient']![i]!) < 1e-2)).toBe(
        true,
      );
    },
  );

  it.each<[Provider]>([['cpu'], ['cuda']])(
    'leaves a step out whose scaled gradient overflows, halves the scale, and goes on: %s',
    async (provider) => {
      const options = { ...small, ...half, provider };
      const { state, outputs } = await stepped(options, 1, (begin) => begin['loss_scale']!.set([2 ** 40, 5]));
      expect([...outputs['loss_scale_out']!]).toEqual([2 ** 39, 0]);
      expect([...outputs['loss_scales']!]).toEqual([2 ** 40]);
      expect(Number.isFinite(outputs['losses']![0])).toBe(true);
      expect(Number.isFinite(outputs['gradient_norms']![0])).toBe(false);
      for (const { name } of describeState(options, describeNetwork(options)).slice(0, -1)) {
        expect(Buffer.from(outputs[`${name}_out`]!.buffer).equals(Buffer.from(state[name]!.buffer)), name).toBe(true);
      }
      const next = await stepped(options, 3, (begin) => begin['loss_scale']!.set([2 ** 8, 1998]));
      expect([...next.outputs['loss_scales']!]).toEqual([2 ** 8, 2 ** 8, 2 ** 9]);
      expect([...next.outputs['loss_scale_out']!]).toEqual([2 ** 9, 1]);
      expect(next.outputs['params_out']![0]).not.toBe(next.state['params']![0]);
    },
  );

  it('goes as float32 goes, for some steps', async () => {
    const [wide, narrow] = [await stepped(common, 4), await stepped({ ...common, ...half }, 4, lowScale)];
    narrow.outputs['losses']!.forEach((loss, i) => expect(loss).toBeCloseTo(wide.outputs['losses']![i]!, 1));
    const moved = ({ state, outputs }: typeof wide) =>
      outputs['params_out']!.map((value, i) => value - state['params']![i]!);
    expect(cosine(moved(narrow), moved(wide))).toBeGreaterThan(0.9);
    expect(cosine(narrow.outputs['buffers_out']!, wide.outputs['buffers_out']!)).toBeGreaterThan(0.9999);
  });

  it('has a scale that stays a number, as does one divided by it, and stays as it is where the loss is none', async () => {
    const g = new GraphBuilder();
    const state = g.input('state', 'float32', [2]);
    const [isTaken, isLossFinite] = ['is_taken', 'is_loss_finite'].map((name) => g.input(name, 'bool', []));
    g.output('next', nextScale(g, state, { isTaken: isTaken!, isLossFinite: isLossFinite! }));
    const model = encodeModel(g.model('scale'));
    const after = async (taken: boolean, lossFinite: boolean, ...values: number[]) => {
      const bool = (value: boolean) => new Tensor('bool', [value], []);
      const given = { state: new Tensor('float32', values, [2]) };
      const outputs = await runModel(model, { ...given, is_taken: bool(taken), is_loss_finite: bool(lossFinite) });
      return Array.from(outputs['next']!.data as Float32Array);
    };
    expect(await after(true, true, 2 ** 126, 1999)).toEqual([2 ** 126, 0]);
    expect(await after(false, true, 2 ** -126, 4)).toEqual([2 ** -126, 0]);
    // No scale makes such a loss.
    expect(await after(false, false, 2 ** 8, 4)).toEqual([2 ** 8, 4]);
    expect(Math.fround(1 / 2 ** 126)).toBeGreaterThan(0);
  });

  it('tells the norm of its gradient, the same as it is packed', async () => {
    const normOf = async (provider: Provider) => {
      const { outputs } = await stepped({ ...small, ...half, provider }, 1, lowScale);
      return outputs['gradient_norms']![0]!;
    };
    const { gradients } = await gradientsOf({ ...small, ...half });
    const length = Math.sqrt(gradients!.reduce((sum, value) => sum + value * value, 0));
    for (const provider of ['cpu', 'cuda'] as const)
      expect((await normOf(provider)) / length, provider).toBeCloseTo(1, 1);
  });

  it('is float32 in its parameters, its statistics and all that it gives out', () => {
    const options = { ...common, ...half };
    expect(
      describeState(options, describeNetwork(options))
        .map(({ name, shape }) => [name, shape])
        .at(-1),
    ).toEqual(['loss_scale', [2]]);
    expect([...initialState(options, 1)['loss_scale']!]).toEqual([2 ** 16, 0]);
    expect(describeState(common, describeNetwork(common)).map(({ name }) => name)).not.toContain('loss_scale');
  });
});
