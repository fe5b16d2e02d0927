import { expect, it } from 'vitest';
import { bytes, count, duration, recallTable, table } from '../../src/cli/format.js';

it('durations have the unit that reads best', () => {
  expect([0, 0.0042, 0.0999, 0.9994, 1, 59.94, 60, 75.4, 3700].map(duration)).toEqual([
    '0.0 ms',
    '4.2 ms',
    '100 ms',
    '999 ms',
    '1.0 s',
    '59.9 s',
    '1:00',
    '1:15',
    '1:01:40',
  ]);
});

it('sizes have the unit that reads best', () => {
  expect([0, 999, 1000, 11_700_000, 123_000_000, 2.5e12].map(bytes)).toEqual([
    '0 B',
    '999 B',
    '1.0 kB',
    '11.7 MB',
    '123 MB',
    '2.5 TB',
  ]);
});

it('large counts have separators', () => {
  expect(count(1234567)).toBe('1,234,567');
});

it('tables align the first column left, the others right', () => {
  expect(
    table([
      ['', 'a', 'bbb'],
      ['name', '22', '1'],
    ]),
  ).toBe('       a  bbb\nname  22    1');
});

it('recalls stand below their k', () => {
  expect(recallTable('val', { 1: 0.35123, 16: 1 })).toBe('     Recall@1  Recall@16\nval    0.3512     1.0000');
});
