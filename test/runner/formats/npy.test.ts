import { describe, expect, it } from 'vitest';
import { encodeNpy } from '../../../src/runner/formats/npy.js';

const bytesOf = (chunks: Uint8Array[]): Buffer => Buffer.concat(chunks);

describe('encodeNpy', () => {
  it("gives the bytes of numpy.save(file, numpy.array([[0, 1, 2], [3, 4, 5]], 'float32'))", () => {
    const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }`.padEnd(117) + '\n';
    const expected = Buffer.concat([
      Buffer.from('\x93NUMPY\x01\x00\x76\x00', 'latin1'),
      Buffer.from(header, 'latin1'),
      Buffer.from(Float32Array.of(0, 1, 2, 3, 4, 5).buffer),
    ]);
    expect(bytesOf(encodeNpy(Float32Array.of(0, 1, 2, 3, 4, 5), 2, 3))).toEqual(expected);
  });

  it.each([
    [0, 128],
    [1, 1],
    [60_000, 2],
  ])('aligns the data of [%i, %i] to 64 bytes', (rows, columns) => {
    const [head, data] = encodeNpy(new Float32Array(rows * columns), rows, columns);
    expect(head!.length % 64).toBe(0);
    expect(head![8]! + 256 * head![9]! + 10).toBe(head!.length);
    expect(head!.at(-1)).toBe(0x0a);
    expect(data!.byteLength).toBe(4 * rows * columns);
  });

  it('does not copy the data', () => {
    const data = Float32Array.of(9, 1, 2, 9).subarray(1, 3);
    expect(encodeNpy(data, 1, 2)[1]!.buffer).toBe(data.buffer);
    expect([...encodeNpy(data, 1, 2)[1]!]).toEqual([...new Uint8Array(Float32Array.of(1, 2).buffer)]);
  });

  it('refuses a number of values that is not the shape', () => {
    expect(() => encodeNpy(new Float32Array(5), 2, 3)).toThrow('[2, 3] takes 6 values, got 5');
  });
});
