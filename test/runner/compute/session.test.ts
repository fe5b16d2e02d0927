import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../../src/graph/builder/builder.js';
import { encodeModel } from '../../../src/graph/onnx/schema.js';
import { UserError } from '../../../src/runner/base/errors.js';
import { checkDevice, openSession, requireProvider } from '../../../src/runner/compute/session.js';

const binding = path.join(
  createRequire(import.meta.url).resolve('onnxruntime-node'),
  '../../bin/napi-v6',
  process.platform,
  process.arch,
);
const hasCuda = existsSync(path.join(binding, 'libonnxruntime_providers_cuda.so'));

const cpu = { device: 'cpu', deviceId: 0, threads: 1 } as const;
const cuda = { device: 'cuda', deviceId: 0, threads: 1 } as const;

function model(): Uint8Array {
  const g = new GraphBuilder();
  g.output('y', g.op('Neg', [g.input('x', 'float32', [1])]));
  return encodeModel(g.model('test'));
}

describe('openSession', () => {
  it('opens a model on the CPU', async () => {
    const session = await openSession(model(), cpu);
    expect([session.inputNames, session.outputNames]).toEqual([['x'], ['y']]);
    await session.release();
  });

  it('leaves an error of the model as it is', async () => {
    const opening = openSession(Uint8Array.of(1, 2, 3), cpu);
    await expect(opening).rejects.toThrow(/protobuf/i);
    await expect(opening).rejects.not.toBeInstanceOf(UserError);
  });

  it.skipIf(hasCuda)('says how to install a provider that is missing, and does not fall back', async () => {
    const opening = openSession(model(), cuda);
    await expect(opening).rejects.toBeInstanceOf(UserError);
    await expect(opening).rejects.toThrow(/^--device cuda: .*CUDA provider/);
    if (process.platform !== 'linux' || process.arch !== 'x64') return;
    await expect(opening).rejects.toThrow('npx dws cuda-install');
    await expect(opening).rejects.toThrow(/cuDNN 9/);
  });
});

describe('requireProvider', () => {
  it('names the devices that there are where a program asks for another', () => {
    expect(() => requireProvider({ ...cpu, device: 'foo' as 'cpu' })).toThrow(
      '--device foo: give one of cpu, cuda, webgpu.',
    );
  });

  it.each([
    ['--tf32 off', { tf32: 'off' } as const],
    ['--gpu-mem-limit', { gpuMemLimit: 1e9 }],
  ])('refuses %s where the device is not CUDA’s', (name, settings) => {
    expect(() => requireProvider({ ...cpu, ...settings })).toThrow(`${name} is for CUDA devices, but --device is cpu.`);
    expect(() => requireProvider({ ...cpu, device: 'webgpu', ...settings })).toThrow('--device is webgpu');
  });
});

describe('checkDevice', () => {
  it('opens and runs a session', async () => {
    expect(await checkDevice(cpu)).toEqual({ ok: true, detail: expect.any(String) });
  });

  it.skipIf(hasCuda)('tells what is missing', async () => {
    expect(await checkDevice(cuda)).toEqual({ ok: false, detail: expect.stringContaining('CUDA provider') });
  });
});
