import { describe, expect, it } from 'vitest';
import { evaluated } from '../../../src/graph/imported/evaluate.js';
import type { Element, Tensor } from '../../../src/graph/imported/tensors.js';

const int = (data: Element[], shape: number[] = [data.length]): Tensor => ({ dtype: 'int64', shape, data });
const run = (type: string, inputs: Tensor[], attributes = {}): readonly Element[] =>
  Array.from(evaluated(type, inputs, attributes, 1)![0]!.data);

describe('shapes that depend on the batch size', () => {
  it('go through what moves elements', () => {
    const shape = int(['N', 197, 64]);
    expect(run('Gather', [shape, int([0], [])])).toEqual(['N']);
    expect(
      run(
        'Concat',
        [run('Slice', [shape, int([0]), int([1])]), [8]].map((part) => int([...part])),
        { axis: 0 },
      ),
    ).toEqual(['N', 8]);
    expect(
      run(
        'Where',
        [run('Equal', [shape, int([-1], [1])]), [1, 1, 1], shape.data].map((one) => int(Array.from(one))),
      ),
    ).toEqual(['N', 197, 64]);
  });

  it('are multiplied and divided, by what they are multiples of', () => {
    expect(run('Mul', [int(['N']), int([4])])).toEqual(['4*N']);
    expect(run('Div', [int(['4*N']), int([4])])).toEqual(['N']);
    expect(run('Div', [int(['4*N']), int(['N'])])).toEqual([4]);
    expect(() => run('Div', [int(['N']), int([4])])).toThrow(/no whole multiple of the batch size/);
    expect(() => run('Greater', [int(['N']), int([4])])).toThrow(/computes with the batch size/);
  });
});

describe('numbers', () => {
  it('are rounded to float32 after each operator, and whole ones divided towards 0', () => {
    const x: Tensor = { dtype: 'float32', shape: [1], data: [1] };
    expect(run('Div', [x, { ...x, data: [3] }])).toEqual([Math.fround(1 / 3)]);
    expect(run('Div', [int([-7]), int([2])])).toEqual([-3]);
    expect(run('Mod', [int([-7]), int([3])])).toEqual([2]);
  });

  it('are no business of operators without a rule', () => {
    expect(evaluated('Conv', [], {}, 1)).toBeUndefined();
  });
});
