import { expect, it } from 'vitest';
import { sizeText } from '../../../src/runner/base/size-text.js';

it('bytes are told in millions, and in billions from one on', () => {
  expect([0, 1_234_567, 102_530_333, 999_900_000, 238_500_000_000].map(sizeText)).toEqual([
    '0.0 MB',
    '1.2 MB',
    '102.5 MB',
    '999.9 MB',
    '238.5 GB',
  ]);
});
