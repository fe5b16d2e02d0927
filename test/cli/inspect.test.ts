import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { encodeModel } from '../../src/graph/onnx/schema.js';
import { fileOf, node, tensor } from '../graph/imported/fixture.js';
import { temporaryFolder } from '../runner/data/images.js';
import { dws } from './dws.js';

const folder = temporaryFolder();
const golden = fileURLToPath(new URL('../golden/onnx/vit-tokens.onnx', import.meta.url));
const weight = tensor('w', [4, 3, 1, 1], new Array<number>(12).fill(1));
const convolved = node('Conv', ['images', 'w'], 'maps');

async function inspectedFile(...nodes: ReturnType<typeof node>[]) {
  const file = path.join(folder.path, 'made.onnx');
  await writeFile(file, encodeModel(fileOf({ nodes: [convolved, ...nodes], tensors: [weight] })));
  return dws(['inspect', file]);
}

describe('dws inspect', () => {
  it('tells what learns, and what to train it with', async () => {
    const { code, stdout } = await dws(['inspect', golden, '--pool', 'cls']);
    expect(stdout).toMatch(/learns +30 tensors, 23,904 values/);
    expect(stdout).toMatch(/features +features, 32 wide, of images of 32 px/);
    expect(stdout).toContain(`It can be trained: dws train --model ${golden}`);
    expect(code).toBe(0);
  });

  it('has every tensor with its role in JSON', async () => {
    const { stdout } = await dws(['inspect', golden, '--json', '--pool', 'mean']);
    const found = JSON.parse(stdout) as { width: number; tensors: { name: string; role: string; because: string }[] };
    expect(found.width).toBe(32);
    const token = found.tensors.find(({ name }) => name === 'vit.class_token');
    expect(token?.role).toBe('trained');
    expect(token?.because).toMatch(/\(Concat\)$/);
  });

  it('lists all that stands in the way, by node, and ends with 1', async () => {
    const { code, stdout } = await inspectedFile(
      node('Foo', ['maps'], 'a', {}, 'com.acme'),
      node('GRU', ['a'], 'features'),
    );
    expect(stdout).toContain('  a (Foo): an operator of com.acme\n  features (GRU): no gradient here\n');
    expect(stdout).toContain('--features NAME');
    expect(code).toBe(1);
  });

  it('says how tokens become features', async () => {
    const { stdout } = await dws(['inspect', golden]);
    expect(stdout).toContain('tokens: choose --pool cls, mean or gem');
  });
});
