import { Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { buildTrainLoop } from '../../../src/graph/artifacts/artifacts.js';
import type { GraphProto } from '../../../src/graph/onnx/schema.js';
import { decodeModel } from '../../../src/graph/onnx/schema.js';
import type { Provider, TrainingOptions } from '../../../src/graph/options.js';
import { Philox } from '../../../src/graph/state/philox.js';
import { describeNetwork, describeState, initialState } from '../../../src/graph/step/describe.js';
import { openModel, relativeError } from '../../helpers/graphs.js';

const [steps, batchSize, batchK, imageSize, classes] = [2, 8, 4, 32, 3] as const;

const common: Omit<TrainingOptions, 'provider'> = {
  ...{ model: 'resnet18', imageSize, batchSize, batchK, classes, featDim: 511, embedDim: 17, optimizer: 'sgd' },
  ...{ margin: 0.2, nu: 0, beta: 1.2, learnBeta: true, normalizeWeights: false, dropout: 0.5, freezeBn: false },
  ...{ backboneLrMult: 1, momentum: 0.9, weightDecay: 1e-4 },
};

/** Two steps of a provider's graph, run on the CPU. */
async function trained(options: TrainingOptions): Promise<Record<string, Float32Array>> {
  const layout = describeNetwork(options);
  const initial = initialState(options, 1, layout);
  const random = new Philox(3, 'sampling');
  const feeds: Record<string, Tensor> = {};
  for (const { name, shape } of describeState(options, layout))
    feeds[name] = new Tensor('float32', initial[name]!, shape);
  const pixels = random.fillBytes(new Uint8Array(steps * batchSize * imageSize * imageSize * 3));
  feeds['images'] = new Tensor('uint8', pixels, [steps, batchSize, imageSize, imageSize, 3]);
  const labels = Int32Array.from({ length: steps * batchSize }, (_, i) => Math.floor(i / batchK) % classes);
  feeds['labels'] = new Tensor('int32', labels, [steps, batchSize]);
  const uniforms = random.fillUnit(new Float32Array(steps * batchSize * (batchK - 1)));
  feeds['uniforms'] = new Tensor('float32', uniforms, [steps, batchSize, batchK - 1]);
  for (const rate of ['lr', 'lr_beta'])
    feeds[rate] = new Tensor('float32', new Float32Array(steps).fill(1e-3), [steps]);
  const session = await openModel(buildTrainLoop(options));
  const outputs = await session.run(feeds);
  await session.release();
  return Object.fromEntries(Object.entries(outputs).map(([name, { data }]) => [name, data as Float32Array]));
}

const both = (options: Partial<TrainingOptions>) =>
  Promise.all((['cpu', 'cuda'] as const).map((provider: Provider) => trained({ ...common, ...options, provider })));

const operatorsOf = (options: TrainingOptions): Set<string> => {
  const found = new Set<string>();
  const walk = ({ node = [] }: GraphProto): void => {
    for (const { opType, attribute = [] } of node) {
      found.add(opType);
      for (const { g } of attribute) if (g) walk(g);
    }
  };
  walk(decodeModel(buildTrainLoop(options)).graph!);
  return found;
};

describe("CUDA's training, on the CPU", () => {
  it.each(['resnet18', 'squeezenet1_1', 'alexnet'])(
    'has no ConvTranspose where it is to be deterministic: %s',
    (model) => {
      const options = { ...common, model, imageSize: 64, provider: 'cuda' } as const;
      expect(operatorsOf(options)).toContain('ConvTranspose');
      expect(operatorsOf({ ...options, deterministic: true })).not.toContain('ConvTranspose');
      const onCpu = { ...options, provider: 'cpu' } as const;
      expect(buildTrainLoop({ ...onCpu, deterministic: true })).toEqual(buildTrainLoop(onCpu));
    },
  );

  // Sums in other orders: float32 keeps six digits of them, and Adam divides gradients that are nearly 0 by their own size.
  it.each([
    ['batch statistics and a slower body', 1e-4, { backboneLrMult: 0.5 }],
    [
      'frozen statistics and clipping, nothing left open',
      1e-4,
      { freezeBn: true, clipNorm: 1, skipNotFinite: true, deterministic: true },
    ],
    ['Adam, and pooling in overlapping windows', 1e-3, { model: 'squeezenet1_1', dropout: 0, optimizer: 'adam' }],
  ] as const)('takes the steps that the CPU takes: %s', async (_, bound, options) => {
    const [cpu, cuda] = (await both(options)) as [Record<string, Float32Array>, Record<string, Float32Array>];
    expect(Object.keys(cuda)).toEqual(Object.keys(cpu));
    for (const name of Object.keys(cpu)) {
      expect(cuda[name]!.length, name).toBe(cpu[name]!.length);
      if (cpu[name]!.length > 0) expect(relativeError(cuda[name]!, cpu[name]!), name).toBeLessThan(bound);
    }
  });
});
