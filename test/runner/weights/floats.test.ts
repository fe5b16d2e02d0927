import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../../src/runner/base/errors.js';
import { allocateFloats, halfToFloat, readFloats } from '../../../src/runner/weights/floats.js';
import type { ByteStream } from '../../../src/runner/onnx-files/random-file.js';

const streamOf = (bytes: Uint8Array): ByteStream => {
  let position = 0;
  return {
    fill: (target) => {
      target.set(bytes.subarray(position, (position += target.length)));
      return Promise.resolve();
    },
    close: () => undefined,
  };
};

describe('halfToFloat', () => {
  it('has the values of IEEE 754', () => {
    const values = [0x3c00, 0x3c01, 0xc000, 0x7bff, 0x0400, 0x03ff, 0x0001, 0x7c00, 0xfc00, 0x3555].map(halfToFloat);
    const expected = [
      1,
      1 + 2 ** -10,
      -2,
      65504,
      2 ** -14,
      1023 * 2 ** -24,
      2 ** -24,
      Infinity,
      -Infinity,
      0.333251953125,
    ];
    expect(values).toEqual(expected);
    expect(Object.is(halfToFloat(0x8000), -0)).toBe(true);
    expect(halfToFloat(0x7c01)).toBeNaN();
    expect(halfToFloat(0xffff)).toBeNaN();
  });

  it('grows with the bits and is odd', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0x7bff }), (bits) => {
        expect(halfToFloat(bits + 1)).toBeGreaterThan(halfToFloat(bits));
        expect(halfToFloat(bits | 0x8000)).toBe(-halfToFloat(bits));
      }),
    );
  });
});

describe('readFloats', () => {
  it('gives bfloat16 as the upper half of float32', async () => {
    const given = Float32Array.of(1, -0, 3.140625, Infinity, 2 ** -133);
    const upper = Uint16Array.from(new Uint32Array(given.buffer), (bits) => bits >>> 16);
    expect(await readFloats('BF16', 5, streamOf(new Uint8Array(upper.buffer)), 'f')).toEqual(given);
  });

  it('rounds doubles to nearest', async () => {
    const given = Float64Array.of(0.1, 1e300, -1e-50, 1 + 2 ** -24);
    const read = await readFloats('F64', 4, streamOf(new Uint8Array(given.buffer)), 'f');
    expect(read).toEqual(Float32Array.from(given, Math.fround));
  });

  it('says how much memory is missing', () => {
    expect(() => allocateFloats(2 ** 50, 'f: tensor w')).toThrow(UserError);
    expect(() => allocateFloats(2 ** 50, 'f: tensor w')).toThrow('f: tensor w takes 4503599627370496 bytes');
  });
});
