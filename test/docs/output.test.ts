import { describe, expect, it } from 'vitest';
import { missingLine, splitConsole } from './output.js';

describe('what a page says that a command prints', () => {
  const printed = 'step 1  loss 0.2034\nstep 2  loss 0.2011\ndone (in 3 s)\n';

  it.each([
    'step 1  loss 0.2034',
    'step 1  loss ...\nstep 2  loss ...',
    'step 1 ...\n...\ndone (in ... s)',
    '',
    '  done ...',
  ])('is there: %j', (expected) => expect(missingLine(printed, expected)).toBeUndefined());

  it.each([
    ['step 3  loss ...', 'step 3  loss ...'],
    ['step 2  loss ...\nstep 1  loss ...', 'step 1  loss ...'],
    ['step 1  loss 0.2', 'step 1  loss 0.2'],
    ['done (in 3 s)\ndone (in 3 s)', 'done (in 3 s)'],
  ])('is not there: %j', (expected, missing) => expect(missingLine(printed, expected)).toBe(missing));
});

it('a console block has commands, also of several lines, and what they print', () => {
  expect(splitConsole('$ dws train \\\n    --epochs 1\nstep 1\n$ dws eval\nrecall\n')).toEqual({
    script: 'dws train \\\n    --epochs 1\ndws eval',
    expected: 'step 1\nrecall\n',
  });
});
