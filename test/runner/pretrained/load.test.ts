import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NetworkLayout } from '../../../src/graph/state/state.js';
import { weightsSource } from '../../../src/runner/options/plan.js';
import type { PretrainedSource } from '../../../src/runner/options/run-options.js';
import { loadPretrained, obtainWeights } from '../../../src/runner/pretrained/load.js';
import { encodeSafetensors, float32Bytes } from '../../../src/runner/formats/safetensors.js';
import { content, serve, status, whole } from './weights-server.js';

const init = { kind: 'constant', value: 0 } as const;
const layout: NetworkLayout = {
  params: [
    { name: 'base_net.conv.weight', shape: [2], init },
    { name: 'base_net.fc.weight', shape: [1, 1], init },
    { name: 'base_net.fc.bias', shape: [1], init },
    { name: 'dense.weight', shape: [1, 1], init },
    { name: 'dense.bias', shape: [1], init },
  ],
  buffers: [],
  paramCount: 6,
  bufferCount: 0,
  bodyCount: 2,
  dropoutCount: 0,
};

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dws-load-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function load(source: PretrainedSource, address = 'http://nowhere.invalid/') {
  const vectors = { params: new Float32Array(6), buffers: new Float32Array() };
  const { path, sha256 } = await obtainWeights(weightsSource(source, 'resnet18'), { folder, address });
  return { loaded: await loadPretrained(path, layout, vectors), sha256, params: [...vectors.params] };
}

it('loads a file of the user, and tells its name and hash', async () => {
  const path = join(folder, 'mine.safetensors');
  const data = float32Bytes(Float32Array.of(5, 7));
  await writeFile(
    path,
    Buffer.concat(encodeSafetensors([{ name: 'module.conv.weight', dtype: 'F32', shape: [2], data }])),
  );
  const { loaded, sha256, params } = await load({ kind: 'file', path });
  const hash = createHash('sha256').update(await readFile(path));
  expect(sha256).toBe(hash.digest('hex'));
  expect(params).toEqual([5, 7, 0, 0, 0, 0]);
  expect(loaded).toEqual({
    name: 'mine.safetensors',
    format: 'safetensors',
    at: 'module',
    loaded: ['base_net.conv.weight'],
    skipped: [],
    fresh: ['base_net.fc.weight', 'base_net.fc.bias', 'dense.weight', 'dense.bias'],
    notes: [],
  });
});

it('names a file that is not there', async () => {
  const path = join(folder, 'none.pth');
  await expect(load({ kind: 'file', path })).rejects.toThrow(`can't read ${path}: no such file`);
});

describe('published weights', () => {
  it('are asked for under the name of the version', async () => {
    const { address, requests } = await serve(status(404));
    const loading = load({ kind: 'published', weights: 'v1' }, address);
    await expect(loading).rejects.toThrow(`can't download ${address}resnet18-f37072fd.pth: the server answers 404`);
    expect(requests).toEqual([0]);
  });

  it('that are not those are refused before they are opened', async () => {
    const { address } = await serve(whole(content));
    const loading = load({ kind: 'published', weights: 'v1' }, address);
    await expect(loading).rejects.toThrow(/its SHA-256 is [0-9a-f]{64}, not f37072fd47e89c5e827621c5/);
  });

  it('that do not exist are refused', async () => {
    await expect(load({ kind: 'published', weights: 'v2' })).rejects.toThrow('--weights v2: there are no such');
  });
});
