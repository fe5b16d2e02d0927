import { expect, it } from 'vitest';
import { tensorText } from '../../src/cli/run-changes.js';

it('tensors that only one of two runs has are named, with the run that has them', () => {
  const textOf = (onlyA: string[], onlyB: string[]) =>
    tensorText({ metadata: [], differing: 0, tensors: 9, layout: { onlyA, onlyB } }, ['RUN_A', 'RUN_B']);
  expect(textOf([], ['loss_scale F32 [2]'])).toBe('other tensors: loss_scale F32 [2] only in RUN_B');
  expect(textOf(['a', 'b', 'c', 'd', 'e'], ['f'])).toBe(
    'other tensors: a, b, c and 2 more only in RUN_A; f only in RUN_B',
  );
  expect(textOf([], [])).toBe('other tensors: the same ones in another order');
});
