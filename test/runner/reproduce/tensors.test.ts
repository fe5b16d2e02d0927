import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { encodeSafetensors, float32Bytes } from '../../../src/runner/formats/safetensors.js';
import { compareCheckpoints } from '../../../src/runner/reproduce/tensors.js';
import { temporaryFolder } from '../data/images.js';

const folder = temporaryFolder();

async function fileOf(name: string, tensors: Record<string, number[]>): Promise<string> {
  const file = path.join(folder.path, name);
  const entries = Object.entries(tensors).map(([key, values]) => ({
    ...{ name: key, dtype: 'F32' as const, shape: [values.length] },
    data: float32Bytes(Float32Array.from(values)),
  }));
  await writeFile(file, encodeSafetensors(entries, {}));
  return file;
}

it('tensors that only one of two checkpoints has are named by its side, also at the end of the longer one', async () => {
  const [a, b] = [await fileOf('a', { weight: [1, 2] }), await fileOf('b', { weight: [1, 2], loss_scale: [8, 0] })];
  const layoutOf = async (one: string, two: string) => (await compareCheckpoints(one, two)).layout;
  expect(await layoutOf(a, b)).toEqual({ onlyA: [], onlyB: ['loss_scale F32 [2]'] });
  expect(await layoutOf(b, a)).toEqual({ onlyA: ['loss_scale F32 [2]'], onlyB: [] });
  expect(await layoutOf(a, a)).toBeUndefined();
});
