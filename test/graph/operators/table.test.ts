import { expect, it } from 'vitest';
import type { OperatorName } from '../../../src/graph/onnx/names.js';
import { operatorNames } from '../../../src/graph/onnx/names.js';
import { operators } from '../../../src/graph/operators/index.js';
import type { Operator } from '../../../src/graph/operators/operator.js';

it('has a row for each name, and no other', () => {
  expect(Object.keys(operators).sort()).toEqual([...operatorNames].sort());
});

it('does not pass the type check with a name that has no row, or a row without a gradient', () => {
  // @ts-expect-error: this is the error
  const withoutRow: Readonly<Record<OperatorName | 'Planted', Operator>> = operators;
  // @ts-expect-error: this is the error
  const withoutGradient: Operator = { shape: operators.Add.shape, attributes: {} };
  expect([withoutRow, withoutGradient]).toHaveLength(2);
});
