import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../../src/runner/base/errors.js';
import {
  decodeSafetensors,
  encodeSafetensors,
  float32Bytes,
  float32View,
} from '../../../src/runner/formats/safetensors.js';
import type { SafetensorsTensor } from '../../../src/runner/formats/safetensors.js';

const tensors: SafetensorsTensor[] = [
  { name: 'z.weight', dtype: 'F32', shape: [2, 2], data: float32Bytes(Float32Array.of(1, 2, 3, 4)) },
  { name: 'a.count', dtype: 'I64', shape: [], data: new Uint8Array(BigInt64Array.of(7n).buffer) },
  { name: 'empty', dtype: 'F32', shape: [0, 3], data: new Uint8Array(0) },
];

const encode = (...args: Parameters<typeof encodeSafetensors>): Uint8Array =>
  new Uint8Array(Buffer.concat(encodeSafetensors(...args)));

/** A file of a header and data of one's own choice. */
function file(header: unknown, dataBytes: number): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

describe('encodeSafetensors', () => {
  it('writes the documented layout: length, padded JSON, tensors in the given order', () => {
    const bytes = encode(tensors.slice(0, 2), { format: 'x' });
    const json =
      '{"__metadata__":{"format":"x"},' +
      '"z.weight":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},' +
      '"a.count":{"dtype":"I64","shape":[],"data_offsets":[16,24]}}';
    const length = Math.ceil(json.length / 8) * 8;
    expect(new DataView(bytes.buffer).getBigUint64(0, true)).toBe(BigInt(length));
    expect(new TextDecoder().decode(bytes.subarray(8, 8 + length))).toBe(json.padEnd(length));
    expect(bytes.length).toBe(8 + length + 24);
  });

  it('passes the tensors through without a copy', () => {
    expect(encodeSafetensors(tensors)[1]).toBe(tensors[0]!.data);
  });

  it('refuses repeated names and bytes that are not the shape', () => {
    expect(() => encodeSafetensors([tensors[0]!, tensors[0]!])).toThrow('z.weight is used twice');
    expect(() => encodeSafetensors([{ ...tensors[0]!, shape: [3] }])).toThrow(
      'z.weight F32 [3] takes 12 bytes, got 16',
    );
  });
});

describe('decodeSafetensors', () => {
  it('gives back what was encoded', () => {
    const { metadata, tensors: decoded } = decodeSafetensors(encode(tensors, { format: 'x' }), 'f');
    expect(metadata).toEqual({ format: 'x' });
    expect(decoded).toEqual(tensors);
  });

  it('gives back any tensors and metadata', () => {
    const tensor = fc.record({ name: fc.string(), shape: fc.array(fc.nat(3), { maxLength: 3 }) });
    const distinct = fc.uniqueArray(tensor, { selector: ({ name }) => name });
    fc.assert(
      fc.property(distinct, fc.dictionary(fc.string(), fc.string()), (shapes, metadata) => {
        const given = shapes
          .filter(({ name }) => name !== '__metadata__')
          .map(({ name, shape }, index) => {
            const size = shape.reduce((product, n) => product * n, 1);
            return { name, shape, dtype: 'U8' as const, data: new Uint8Array(size).fill(index) };
          });
        const decoded = decodeSafetensors(encode(given, metadata), 'f');
        expect(Object.entries(decoded.metadata).sort()).toEqual(Object.entries(metadata).sort());
        const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : 1);
        expect(decoded.tensors.sort(byName)).toEqual(given.sort(byName));
      }),
      { numRuns: 50 },
    );
  });

  it('views float32 data in place', () => {
    const bytes = encode(tensors);
    const { data } = decodeSafetensors(bytes, 'f').tensors[0]!;
    const values = float32View(data);
    expect(values.buffer).toBe(bytes.buffer);
    expect([...values]).toEqual([1, 2, 3, 4]);
  });

  it('reads files of writers that do not pad', () => {
    const bytes = file({ x: { dtype: 'F32', shape: [1], data_offsets: [0, 4] } }, 4);
    bytes.set(float32Bytes(Float32Array.of(2.5)), bytes.length - 4);
    expect([...float32View(decodeSafetensors(bytes, 'f').tensors[0]!.data)]).toEqual([2.5]);
  });

  it('orders the tensors by their bytes, whatever the order of the header', () => {
    const header = {
      b: { dtype: 'U8', shape: [1], data_offsets: [1, 2] },
      a: { dtype: 'U8', shape: [1], data_offsets: [0, 1] },
    };
    expect(decodeSafetensors(file(header, 2), 'f').tensors.map(({ name }) => name)).toEqual(['a', 'b']);
  });

  const u8 = (begin: number, end: number, shape: unknown = [end - begin]): unknown => ({
    dtype: 'U8',
    shape,
    data_offsets: [begin, end],
  });
  it.each<[string, Uint8Array, string]>([
    ['an empty file', new Uint8Array(0), 'it has only 0 bytes'],
    ['a file shorter than its header', encode(tensors).subarray(0, 20), 'its header should take'],
    [
      'a header length beyond 64 bits of reason',
      new Uint8Array(64).fill(255),
      'should take 18446744073709551615 bytes',
    ],
    ['truncated data', encode(tensors).subarray(0, -1), 'its tensors take 24 bytes, but it holds 23'],
    ['data left over', file({ a: u8(0, 1) }, 2), 'its tensors take 1 bytes, but it holds 2'],
    ['a gap', file({ a: u8(0, 1), b: u8(2, 3) }, 3), 'tensor b begins at byte 2 of the data instead of 1'],
    ['an overlap', file({ a: u8(0, 2), b: u8(1, 3) }, 3), 'tensor b begins at byte 1 of the data instead of 2'],
    ['a shape that is not its bytes', file({ a: u8(0, 2, [3]) }, 2), 'tensor a U8 [3] takes 3 bytes'],
    ['offsets in reverse', file({ a: u8(2, 0, [0]) }, 2), 'tensor a U8 [0] takes 0 bytes'],
    ['a negative shape', file({ a: u8(0, 1, [-1]) }, 1), 'the bad shape [-1]'],
    ['no shape', file({ a: { dtype: 'U8' } }, 0), 'the bad shape undefined'],
    ['a broken offset', file({ a: { dtype: 'U8', shape: [], data_offsets: [0] } }, 1), 'the bad data_offsets [0]'],
    ['an unknown dtype', file({ a: { dtype: 'toString', shape: [] } }, 0), 'unknown dtype "toString"'],
    ['an entry that is no object', file({ a: 1 }, 0), 'unknown dtype undefined'],
    [
      'a header longer than any',
      file('{}'.padEnd(2 ** 22 + 8), 0),
      'its header takes 4194312 bytes, 4194304 is the limit',
    ],
    ['a header that is no JSON', file('{"a"', 0), 'its header is not a JSON object'],
    ['a header that is no object', file('[]', 0), 'its header is not a JSON object'],
    ['metadata that are no strings', file({ __metadata__: { a: 1 } }, 0), '__metadata__ does not map strings'],
  ])('refuses %s, naming the file', (_, bytes, reason) => {
    const decode = (): unknown => decodeSafetensors(bytes, 'some/file.safetensors');
    expect(decode).toThrow(UserError);
    expect(decode).toThrow('some/file.safetensors is damaged');
    expect(decode).toThrow(reason);
  });

  it('refuses a header that is no UTF-8', () => {
    const bytes = file('{" ":1}', 0);
    bytes[10] = 0xff;
    expect(() => decodeSafetensors(bytes, 'f')).toThrow('not UTF-8');
  });
});
