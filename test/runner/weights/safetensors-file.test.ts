import { describe, expect, it } from 'vitest';
import type { SafetensorsTensor } from '../../../src/runner/formats/safetensors.js';
import { encodeSafetensors } from '../../../src/runner/formats/safetensors.js';
import { bytesOf, little } from './pickles.js';
import { readAll, refusalOf, temporaryFolder } from './temporary-folder.js';

const { write } = temporaryFolder();

/** A file of a header of one's own choice. */
const headed = (header: unknown, dataBytes: number): Uint8Array => {
  const json = typeof header === 'string' ? header : JSON.stringify(header);
  return bytesOf(little(json.length, 8), json, new Uint8Array(dataBytes));
};
const f32 = (shape: unknown, begin: number, end: number): unknown => ({
  dtype: 'F32',
  shape,
  data_offsets: [begin, end],
});

describe('a safetensors file', () => {
  it('gives its floats as float32 and leaves integers out', async () => {
    const tensor = (name: string, dtype: SafetensorsTensor['dtype'], shape: number[], data: Uint8Array) => ({
      ...{ name, dtype, shape, data },
    });
    const long = Float64Array.from({ length: 300_000 }, (_, i) => Math.cos(i));
    const bytes = encodeSafetensors([
      tensor('long', 'F64', [3, 100_000], new Uint8Array(long.buffer)),
      tensor('count', 'I64', [], little(7, 8)),
      tensor('w', 'F32', [1, 2], new Uint8Array(Float32Array.of(1.5, -2).buffer)),
      tensor('half', 'F16', [2], bytesOf(little(0x3c00, 2), little(0xc000, 2))),
      tensor('bfloat16', 'BF16', [2], bytesOf(little(0x3f80, 2), little(0xc000, 2))),
      tensor('empty', 'F32', [0], new Uint8Array(0)),
    ]);
    const { long: double, ...tensors } = await readAll(await write('all.safetensors', bytesOf(...bytes)));
    expect(double).toEqual([[3, 100_000], [...Float32Array.from(long)]]);
    expect(tensors).toEqual({
      w: [
        [1, 2],
        [1.5, -2],
      ],
      half: [[2], [1, -2]],
      bfloat16: [[2], [1, -2]],
      empty: [[0], []],
    });
  });

  it.each<[string, Uint8Array, string]>([
    ['a header of 1 TB', bytesOf(little(2 ** 40, 8), '{"a":'), 'should take 1099511627776 bytes'],
    ['overlapping ranges', headed({ a: f32([2], 0, 8), b: f32([2], 4, 12) }, 12), 'b begins at byte 4 of the data'],
    ['a gap', headed({ a: f32([1], 0, 4), b: f32([1], 8, 12) }, 12), 'b begins at byte 8 of the data'],
    ['a range outside of the file', headed({ a: f32([2 ** 40], 0, 2 ** 42) }, 8), 'its tensors take'],
    ['a shape beyond all numbers', headed({ a: f32(Array(30).fill(2 ** 53 - 1), 0, 4) }, 4), 'takes Infinity bytes'],
    [
      'a shape nested more deeply than JSON is written',
      headed(`{"a":{"dtype":"F32","shape":[${'['.repeat(99_999)}${']'.repeat(99_999)}]}}`, 0),
      'the bad shape […]',
    ],
    ['a name with control characters', headed({ '\x1b[2J': f32([1], 4, 8) }, 8), 'tensor ?[2J begins'],
    ['a very long name', headed({ ['x'.repeat(1e6)]: f32([1], 4, 8) }, 8), `${'x'.repeat(80)}… begins`],
    ['floats of 8 bits', headed({ a: { dtype: 'F8_E5M2', shape: [1], data_offsets: [0, 1] } }, 1), 'Convert it to F32'],
    ['no floats', headed({ a: { dtype: 'U8', shape: [1], data_offsets: [0, 1] } }, 1), 'no float tensors'],
  ])('with %s is refused in a short line', async (_, content, reason) => {
    const message = await refusalOf(await write('hostile.safetensors', content));
    expect(message).toContain(reason);
    expect(message.length).toBeLessThan(400);
  });
});
