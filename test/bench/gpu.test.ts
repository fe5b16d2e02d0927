/** The GPU check's parts, and what its JSON may be. */
import { describe, expect, it } from 'vitest';
import { convolutionsOf } from '../../bench/gpu/convolutions.js';
import type { Plan } from '../../bench/gpu/plans.js';
import { plansOf } from '../../bench/gpu/plans.js';
import type { GpuResult } from '../../bench/gpu/result.js';
import { gpuResult } from '../../bench/gpu/result.js';
import { benchOptions } from '../../bench/training.js';

const training = (model: string, imageSize: number, batchSize: number) =>
  benchOptions({ model, imageSize, batchSize, batchK: 5, classes: 20, optimizer: 'sgd', provider: 'cuda' });

describe('the GPU check', () => {
  it.each<[string, (result: GpuResult) => unknown, string]>([
    ['a part that is missing', (result) => ({ ...result, loop: undefined }), 'loop is missing'],
    ['a time that is a text', (result) => ({ ...result, seconds: '3' }), 'seconds is "3" instead of a whole number'],
    [
      'a timing without its memory',
      (result) => ({
        ...result,
        steps: { m: { dws: { step_s: 1, min_s: 1, max_s: 1, images_per_s: 1, peak_mib: 1 } } },
      }),
      'steps.m.dws.gpu_peak_mib is missing',
    ],
  ])('has a schema that refuses %s', (_, change, words) => {
    const result: GpuResult = {
      ...{ device: 'cuda', threads: 1, node: 'v20', gpu: 'one', batch: 80, size: 224 },
      ...{ plans: { error: 'a' }, parity: {}, loop: { error: 'b' }, steps: {}, failures: [], seconds: 3 },
    };
    expect(gpuResult(result, '')).toEqual(result);
    expect(() => gpuResult(change(result), '')).toThrow(words);
  });
});

describe('the convolutions of a step', () => {
  it('of resnet50 are 23 distinct ones of 53', () => {
    const found = convolutionsOf(training('resnet50', 224, 80));
    expect(found.reduce((sum, { layers }) => sum + layers, 0)).toBe(53);
    expect(found[0]).toMatchObject({ layer: 'base_net.conv1', x: [3, 80, 224, 224], isFirst: true });
    expect(new Set(found.map(({ x, options }) => JSON.stringify([x, options]))).size).toBe(found.length);
    expect(found).toHaveLength(23);
  });

  it('are written as a step on CUDA has them, and computed', async () => {
    const device = { device: 'cpu', deviceId: 0, threads: 1 } as const;
    const plans: Plan[] = [];
    for await (const plan of plansOf(training('squeezenet1_1', 32, 5), device)) plans.push(plan);
    expect(plans.filter(({ error }) => error !== undefined)).toEqual([]);
    const operators = (product: string) =>
      plans.filter((plan) => plan.product === product).map((plan) => plan.operators);
    expect(operators('forward')[0]).toEqual(['Transpose', 'Conv']);
    expect(new Set(operators('input gradient').flat())).toEqual(new Set(['Transpose', 'ConvTranspose', 'Gemm']));
    expect(operators('weight gradient').every((names) => names.includes('Gemm'))).toBe(true);
  });

  it('that fail are told with the words of ONNX Runtime', async () => {
    const plans = plansOf(training('squeezenet1_1', 32, 5), { device: 'cuda', deviceId: 0, threads: 1 });
    expect((await plans.next()).value).toMatchObject({
      layer: 'base_net.features.0',
      error: expect.stringContaining('--device cuda'),
    });
  });
});
