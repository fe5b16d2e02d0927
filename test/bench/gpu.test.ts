/** The GPU check on a machine without one: the same parts on the CPU, tiny, and the same JSON. */
import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { convolutionsOf } from '../../bench/gpu/convolutions.js';
import type { Plan } from '../../bench/gpu/plans.js';
import { plansOf } from '../../bench/gpu/plans.js';
import type { GpuResult } from '../../bench/gpu/result.js';
import { gpuResult, peerSettings } from '../../bench/gpu/result.js';
import { benchOptions } from '../../bench/training.js';
import { temporaryFolder } from '../runner/data/images.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = temporaryFolder();

const training = (model: string, imageSize: number, batchSize: number) =>
  benchOptions({ model, imageSize, batchSize, batchK: 5, classes: 20, optimizer: 'sgd', provider: 'cuda' });

/** Prints what a PyTorch step prints. */
const peer = `console.log(JSON.stringify({ step_s: 1, min_s: 1, max_s: 1, images_per_s: 1, peak_mib: 1, args: process.argv }));`;

/** @param golden names of the files of reference values */
async function check(golden: Record<string, (text: string) => string>): Promise<{ code: number; output: string }> {
  await mkdir(path.join(folder.path, 'golden'), { recursive: true });
  for (const [name, change] of Object.entries(golden)) {
    const text = await readFile(path.join(root, 'test/golden', name), 'utf8');
    await writeFile(path.join(folder.path, 'golden', name), change(text));
  }
  await writeFile(path.join(folder.path, 'peer.mjs'), peer);
  const options = {
    ...{ device: 'cpu', batch: 5, size: 32, models: 'squeezenet1_1', steps: 1, 'loop-steps': 5 },
    ...{ golden: path.join(folder.path, 'golden'), python: process.execPath },
    ...{ peer: path.join(folder.path, 'peer.mjs'), out: path.join(folder.path, 'gpu.json') },
  };
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  return new Promise((resolve) => {
    execFile(process.execPath, ['--import', 'tsx', 'bench/gpu/main.ts', ...args], { cwd: root }, (error, out, err) =>
      resolve({ code: Number(error?.code ?? 0), output: out + err }),
    );
  });
}

const written = async (): Promise<unknown> =>
  JSON.parse(await readFile(path.join(folder.path, 'gpu.json'), 'utf8')) as unknown;

describe('the GPU check', () => {
  it('writes JSON of its schema, of every part; one that misses a reference value is told, with exit code 1', async () => {
    const change = (text: string) => text.replace(/(\d\.\d{3})\d/, '9$1');
    const { code, output } = await check({ 'loss.json': (text) => text, 'optim.json': change });
    expect(output).toMatch(/^ {2}base_net\.conv1 \(1\): forward .*ms\n/);
    expect(output).toMatch(/^failed: parity optim\.json$/m);
    const result = gpuResult(await written(), '');
    expect([code, result.failures]).toEqual([1, ['parity optim.json']]);
    expect(result.parity).toMatchObject({ 'loss.json': { above: 0 }, 'optim.json': { above: 1 } });
    expect(result.plans).toMatchObject({ failed: 0 });
    expect(result.loop).toMatchObject({ left_to_cpu: [] });
    expect(Object.keys(result.steps['squeezenet1_1']!)).toEqual(['dws', ...Object.keys(peerSettings)]);
  });

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
