import { describe, expect, it } from 'vitest';
import { UserError } from '../../../src/runner/base/errors.js';
import { parseRunOptions } from '../../../src/runner/options/plan.js';
import { requireTrainingOptions } from '../../../src/runner/options/rules.js';
import { smallRun } from '../training/train-options.js';

const options = smallRun({ dataPath: 'data', out: 'out' });

describe('parseRunOptions', () => {
  it('gives each part what it is about, and nothing else', () => {
    const { data, device, guard, weights } = parseRunOptions({ ...options, nanPolicy: undefined });
    expect(data).toEqual({ dataPath: 'data', skipBad: options.skipBad });
    expect(device).toEqual({ device: 'cpu', deviceId: options.deviceId, threads: options.threads });
    expect(guard.nanPolicy).toBe('stop');
    expect(weights).toEqual({});
  });

  it('decides what follows from several options', () => {
    expect(parseRunOptions({ ...options, lrBeta: 0 }).graph.learnBeta).toBe(false);
    expect(parseRunOptions({ ...options, nanPolicy: 'skip' }).graph.skipNotFinite).toBe(true);
    expect(parseRunOptions({ ...options, model: 'alexnet', imageSize: 64 }).graph.dropout).toBe(0.5);
  });

  it('records of pixels what is not as it always was', () => {
    const usual = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
    const { graph } = parseRunOptions({ ...options, ...usual });
    expect([graph.mean, graph.std]).toEqual([undefined, undefined]);
    expect(parseRunOptions({ ...options, mean: [0, 0, 0] }).graph).toMatchObject({ mean: [0, 0, 0], std: undefined });
  });

  it('finds the published file of the model', () => {
    const { weights } = parseRunOptions({
      ...options,
      model: 'resnet18',
      pretrained: { kind: 'published', weights: 'v1' },
    });
    expect(weights.source).toEqual({ kind: 'published', file: 'resnet18-f37072fd.pth' });
  });

  it('records precision and --deterministic only where they are not as ever', () => {
    const { graph } = parseRunOptions({ ...options, precision: 'fp32', deterministic: false });
    expect(graph).not.toHaveProperty('precision');
    expect(graph).not.toHaveProperty('deterministic');
    const other = { precision: 'fp16', deterministic: true } as const;
    expect(parseRunOptions({ ...options, ...other, device: 'cuda' }).graph).toMatchObject(other);
    expect(() => parseRunOptions({ ...options, ...other, device: 'webgpu' })).toThrow(
      /--precision fp16 .* --device is webgpu/,
    );
    const built = { ...graph, classes: 4, precision: 'fp16' } as const;
    expect(() => requireTrainingOptions({ ...built, provider: 'webgpu' })).toThrow(
      /--precision fp16 .* --device is webgpu/,
    );
    expect(() => requireTrainingOptions(built)).not.toThrow();
  });

  it.each([
    [{ lrBeta: -1 }, '--lr-beta -1: give a number of 0 or more, at most 3.4028234663852886e+38.'],
    [{ model: 'resnet18', dropout: 0.5 }, '--dropout 0.5: resnet18 has no dropout.'],
    [{ model: 'alexnet', imageSize: 8 }, "--model alexnet can't take --image-size 8: "],
    [{ imageSize: 64, resizeTo: 56 }, '--resize-to 56 is below --image-size 64'],
    [{ resizeTo: 64, filter: 'shifted' as const }, '--resize-to 64 with the filter shifted, of versions before 0.3'],
    [{ filter: 'bicubic' as never }, '--filter bicubic: give one of triangle, shifted.'],
    [{ mean: [123.7, 116.3, 103.5] }, '--mean 123.7,116.3,103.5: give three numbers in [0, 1], of red, green and blue'],
    [{ mean: [0.5] }, '--mean 0.5: give three numbers'],
    [{ std: [0.2, 0, 0.2] }, '--std 0.2,0,0.2: give three numbers in [0.001, 1]'],
    [{ flip: 1.5 }, '--flip 1.5: give a number in [0, 1].'],
    [{ microBatch: 0 }, '--micro-batch 0: give a whole number of 1 or more'],
    [{ microBatch: 5 }, '--micro-batch 5 is above --batch-size 4'],
    [{ startEpoch: 3, epochs: 3 }, '--start-epoch 3: nothing is left of --epochs 3.'],
  ])('refuses %o, naming the option as the command line does', (wrong, message) => {
    const parse = () => parseRunOptions({ ...options, ...wrong });
    expect(parse).toThrow(UserError);
    expect(parse).toThrow(message);
  });
});
