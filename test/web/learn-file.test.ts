import { describe, expect, it } from 'vitest';
import type { WebModelInfo } from '../../src/graph/artifacts/web-model.js';
import { decodeSafetensors } from '../../src/runner/formats/safetensors.js';
import { loadHead, saveHead } from '../../src/web/learn-file.js';
import { randomHead } from './learn-data.js';

const head = randomHead(6, 3);
const model = { model: 'resnet18', modelHash: '0123456789abcdef', featDim: 6, embedDim: 3 } as WebModelInfo;
const saved = async () => new Uint8Array(await saveHead(head, model).arrayBuffer());
const load = (bytes: Uint8Array<ArrayBuffer>, expected = model) => loadHead(new Blob([bytes]), expected);
const failure = (load: Promise<unknown>) =>
  load.then(
    () => 'read',
    (error: { code: string; message: string }) => `${error.code}: ${error.message}`,
  );

describe('a learned head as a file', () => {
  it('is read as it was written', async () => {
    expect(await loadHead(saveHead(head, model), model)).toEqual(head);
  });

  it('is safetensors, with the names of a checkpoint', async () => {
    const { tensors, metadata } = decodeSafetensors(await saved(), 'file');
    expect(metadata).toMatchObject({ model: 'resnet18', modelHash: '0123456789abcdef' });
    expect(tensors.map(({ name, dtype, shape }) => ({ name, dtype, shape }))).toEqual([
      { name: 'dense.weight', dtype: 'F32', shape: [3, 6] },
      { name: 'dense.bias', dtype: 'F32', shape: [3] },
    ]);
    const values = tensors.flatMap(({ data }) => [...new Float32Array(data.slice().buffer)]);
    expect(values).toEqual([...head.params]);
  });

  it('of another model is refused by name', async () => {
    const other = { ...model, model: 'resnet50', modelHash: 'fedcba9876543210' };
    expect(await failure(load(await saved(), other))).toMatch(
      /^head-mismatch: .*another model \(resnet18 0123456789abcdef\) than this one \(resnet50 fedcba9876543210\)/,
    );
    expect(await failure(load(await saved(), { ...model, embedDim: 4 }))).toMatch(/^bad-head: .*damaged/);
    expect(() => saveHead(head, { ...model, featDim: 7 })).toThrow('not one of this model');
  });

  it('is refused when a byte of it is another one, wherever', async () => {
    const bytes = await saved();
    for (let place = 0; place < bytes.length; place++) {
      const changed = bytes.slice();
      changed[place]! ^= 0x04;
      const told = await failure(load(changed));
      // The name of the model is told and not needed, spaces and the like may be others in JSON.
      if (told === 'read') expect(String.fromCharCode(bytes[place]!), `byte ${place}`).toMatch(/[a-z0-9 ]/);
      else expect(told).toMatch(/^(bad-head|head-mismatch): /);
    }
    const values = bytes.length - 4 * head.params.length;
    for (let place = values; place < bytes.length; place++) {
      const changed = bytes.slice();
      changed[place]! ^= 0x80;
      expect(await failure(load(changed)), `value byte ${place - values}`).toMatch(/^bad-head: .*damaged/);
    }
  });

  it('is refused when it is cut short, goes on, or is something else', async () => {
    const bytes = await saved();
    for (let length = 0; length < bytes.length; length++) {
      expect(await failure(load(bytes.slice(0, length))), `${length} bytes`).toMatch(/^bad-head: /);
    }
    expect(await failure(load(Uint8Array.of(...bytes, 0)))).toMatch(/^bad-head: .*damaged/);
    const others = ['', 'no head', '{}', '\x02\0\0\0\0\0\0\0{}', '\xff'.repeat(40)];
    for (const text of others) {
      expect(await failure(load(Uint8Array.from(Buffer.from(text, 'latin1')))), text).toMatch(
        /^bad-head: This file holds no learned layer/,
      );
    }
    const infinite = { ...head, params: head.params.map((value, i) => (i === 4 ? NaN : value)) };
    expect(await failure(loadHead(saveHead(infinite, model), model))).toMatch(/^bad-head: /);
  });
});
