import { describe, expect, it, vi } from 'vitest';
import { Compute } from '../../../src/runner/compute/compute.js';
import type { EngineSession, HeldTensors, PlainTensors } from '../../../src/runner/compute/engine.js';

/** Whose runs fail, of a device with a graph that writes `params`. */
vi.mock('../../../src/runner/compute/engines.js', () => {
  const tensors = new Map<string, unknown>();
  const held: HeldTensors = {
    hold: (given: PlainTensors) => {
      for (const [name, { data }] of Object.entries(given)) tensors.set(name, data);
      return Promise.resolve();
    },
    place: (name) => tensors.get(name),
    read: (names) => Promise.resolve(Object.fromEntries(names.map((name) => [name, tensors.get(name)])) as never),
    release: () => Promise.resolve(),
  };
  const session: EngineSession = {
    inputNames: ['gallery'],
    outputNames: ['params_out', 'indices'],
    run: () => Promise.reject(new Error('CUDA error out of memory')),
    release: () => Promise.resolve(),
  };
  const engine = { name: 'C API', holder: () => Promise.resolve(held), open: () => Promise.resolve(session) };
  return { chooseEngine: () => Promise.resolve({ engine }) };
});

const params = { data: Float32Array.of(1, 2), dims: [2] };

async function afterFailure(device: 'cpu' | 'cuda'): Promise<Compute> {
  const compute = new Compute({ device, deviceId: 0, threads: 1 });
  await compute.open('retrieval', { dim: 1, k: 1 });
  await compute.hold({ params });
  await expect(compute.run('retrieval', {})).rejects.toThrow(`retrieval on ${device}: not enough memory`);
  return compute;
}

describe('held tensors after a run that failed', () => {
  it('are as before on the CPU, where the Loop writes them last', async () => {
    const compute = await afterFailure('cpu');
    expect(await compute.read(['params'])).toEqual({ params: params.data });
  });

  it('are not read from a device, so that no checkpoint is half of one step and half of another, until they are held again', async () => {
    const compute = await afterFailure('cuda');
    await expect(compute.read(['params'])).rejects.toThrow('the state on cuda is unknown since retrieval failed');
    await compute.hold({ params });
    expect(await compute.read(['params'])).toEqual({ params: params.data });
  });
});
