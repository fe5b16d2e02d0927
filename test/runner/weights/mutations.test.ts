import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeModel } from '../../../src/graph/onnx/schema.js';
import { UserError } from '../../../src/runner/base/errors.js';
import { encodeSafetensors, float32Bytes } from '../../../src/runner/formats/safetensors.js';
import { openWeights } from '../../../src/runner/weights/open-weights.js';
import { countOf } from '../../../src/runner/base/sizes.js';
import { zipArchive } from './archives.js';
import { bytesOf, dict, pickle, tensor } from './pickles.js';
import { temporaryFolder } from './temporary-folder.js';

const { write } = temporaryFolder();

const values = Float32Array.from({ length: 24 }, (_, i) => i / 8);
const fixture = (name: string): Uint8Array => readFileSync(new URL(`fixtures/${name}.pth`, import.meta.url));

const FILES: Record<string, Uint8Array> = {
  ...Object.fromEntries(
    ['state-zip', 'state-legacy', 'wrapped-zip', 'wrapped-legacy', 'wrapped-zip-protocol4'].map(
      (name) => [name, fixture(name)] as const,
    ),
  ),
  'a deflated zip': zipArchive([
    {
      name: 'a/data.pkl',
      data: pickle(dict({ w: tensor({ key: '0', elements: 24 }, [6, 4], [1, 6]) })),
      deflate: true,
    },
    { name: 'a/data/0', data: float32Bytes(values), deflate: true },
  ]),
  safetensors: bytesOf(
    ...encodeSafetensors([
      { name: 'w', dtype: 'F32', shape: [4, 6], data: float32Bytes(values) },
      { name: 'h', dtype: 'F16', shape: [2], data: new Uint8Array(4) },
    ]),
  ),
  onnx: encodeModel({
    irVersion: 8,
    graph: {
      name: 'g',
      node: [],
      initializer: [
        { name: 'w', dims: [4, 6], dataType: 1, rawData: float32Bytes(values) },
        { name: 'f', dims: [24], dataType: 1, floatData: [...values] },
        { name: 'h', dims: [3], dataType: 10, int32Data: [0x3c00, 1, 2] },
        {
          ...{ name: 'e', dims: [2], dataType: 1, dataLocation: 1 },
          externalData: [{ key: 'location', value: 'onnx.bin' }],
        },
      ],
      input: [],
      output: [],
    },
    opsetImport: [{ version: 17 }],
  }),
};

type Change = (bytes: Uint8Array, position: number) => Uint8Array;

const change: fc.Arbitrary<Change> = fc.oneof(
  fc.integer({ min: 0, max: 7 }).map(
    (bit): Change =>
      (bytes, at) =>
        bytes.map((byte, i) => (i === at ? byte ^ (1 << bit) : byte)),
  ),
  fc.integer({ min: 0, max: 255 }).map(
    (value): Change =>
      (bytes, at) =>
        bytes.map((byte, i) => (i === at ? value : byte)),
  ),
  fc.uint8Array({ minLength: 1, maxLength: 9 }).map(
    (more): Change =>
      (bytes, at) =>
        bytesOf(bytes.subarray(0, at), more, bytes.subarray(at)),
  ),
  fc.integer({ min: 1, max: 40 }).map(
    (length): Change =>
      (bytes, at) =>
        bytesOf(bytes.subarray(0, at), bytes.subarray(at + length)),
  ),
  fc.integer({ min: 1, max: 40 }).map(
    (length): Change =>
      (bytes, at) =>
        bytesOf(bytes.subarray(0, at + length), bytes.subarray(at)),
  ),
  fc.constant<Change>((bytes, at) => bytes.slice(0, at)),
);

const changes = fc.array(fc.tuple(change, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })), {
  minLength: 1,
  maxLength: 3,
});

/** Opens a file and reads all of it; only a UserError may come out. */
async function tryToRead(path: string, size: number): Promise<void> {
  try {
    const file = await openWeights(path);
    try {
      for (const { shape, read } of file.tensors) {
        const data = await read();
        expect(data.length).toBe(countOf(shape));
        // Halves double, and what is deflated may be 8 times the file or 1 MiB.
        expect(data.buffer.byteLength).toBeLessThanOrEqual(2 * Math.max(8 * size, 2 ** 20));
      }
    } finally {
      await file.close();
    }
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    expect(error.message).not.toContain('\n');
    expect(error.message.length).toBeLessThan(1000);
  }
}

describe.each(Object.entries(FILES))('%s with some bytes changed, inserted, removed or cut off', (name, bytes) => {
  it('is read or refused, nothing else', async () => {
    await write('onnx.bin', new Uint8Array(8));
    await fc.assert(
      fc.asyncProperty(changes, async (list) => {
        const mutated = list.reduce((result, [apply, at]) => apply(result, Math.floor(at * result.length)), bytes);
        await tryToRead(await write(`mutated-${name}`, mutated), mutated.length);
      }),
      { numRuns: 150 },
    );
  });
});
