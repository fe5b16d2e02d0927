import { expect, it } from 'vitest';
import { recordedChoices, toldOptions } from '../../../src/runner/options/unrecorded.js';

it('what is as ever is not recorded, nor what changes nothing on the CPU', () => {
  const given = { precision: 'fp16', deterministic: true } as const;
  expect(recordedChoices({ device: 'cpu', precision: 'fp32', deterministic: false })).toEqual({});
  expect(recordedChoices({ device: 'cuda', ...given })).toEqual(given);
  expect(recordedChoices({ device: 'cpu', ...given })).toEqual({ precision: 'fp16' });
});

it('is told all the same', () => {
  const told = toldOptions({ precision: undefined, nanPolicy: 'skip', clipNorm: 5 });
  expect(told).toMatchObject({ precision: 'fp32', deterministic: false, nanPolicy: 'skip', clipNorm: 5, evalEvery: 1 });
});
