import koffi from 'koffi';
import { describe, expect, it } from 'vitest';
import { DeviceSums } from '../../../../src/runner/compute/c-api/device-sums.js';
import { library } from '../../../../src/runner/compute/c-api/library.js';
import { sumRanks } from '../../../../src/runner/ranks/rank-sums.js';
import { valuesOf } from '../../../helpers/ranks/values.mjs';

// The CPU as a device, as in device-tensors.test.ts.
const cpu = { device: 'cpu', deviceId: 0, threads: 1 } as const;

describe('DeviceSums', () => {
  it.each([
    [2, 'sum'],
    [3, 'sum'],
    [5, 'sum'],
    [2, 'mean'],
    [3, 'mean'],
    [7, 'mean'],
  ] as const)(
    'makes of what %i ranks give a %s to the bits of the host, signs of zeros included',
    async (ranks, as) => {
      const sums = await DeviceSums.open(await library(), cpu, ranks);
      for (const length of [1, 7, 1000]) {
        const parts = new Float32Array(ranks * length);
        for (let rank = 0; rank < ranks; rank++) parts.set(valuesOf(rank, length), rank * length);
        if (length > 1) for (let rank = 0; rank < ranks; rank++) parts[rank * length] = -0;
        const [expected, into] = [new Float32Array(length), new Float32Array(length)];
        sumRanks(parts, expected, as);
        await sums.sum(koffi.address(parts), koffi.address(into), length, as);
        expect(new Uint32Array(into.buffer)).toEqual(new Uint32Array(expected.buffer));
      }
      await sums.release();
    },
  );
});
