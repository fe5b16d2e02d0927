import { expect, it } from 'vitest';
import { count, counted, duration, recallTable, table, wrap } from '../../src/cli/format.js';

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

it('large counts have separators', () => {
  expect(count(1234567)).toBe('1,234,567');
});

it('nouns follow their count', () => {
  expect([counted(0, 'step'), counted(1, 'step'), counted(1200, 'step')]).toEqual(['0 steps', '1 step', '1,200 steps']);
});

it('lines break at blanks, but for words that are too long and for commands, which are indented', () => {
  expect(wrap('one two three\nfour', 8)).toEqual(['one two', 'three', 'four']);
  expect(wrap('unbreakable word', 4)).toEqual(['unbreakable', 'word']);
  expect(wrap('  node script.js --option', 8)).toEqual(['  node script.js --option']);
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
