/** 50 sets of shapes and attributes of each operator; which of them have fewer is said. */
import { afterAll, describe, expect, it } from 'vitest';
import { operatorNames } from '../../../src/graph/onnx/names.js';
import { holdCases } from './cases/many.js';

const wanted = 50;

describe('50 random cases of each operator', () => {
  const fewer: string[] = [];

  it.each(operatorNames)('%s: shapes are as inferred, gradients equal finite differences', async (name) => {
    const { cases } = await holdCases(name, wanted);
    if (cases < wanted) fewer.push(`${name} (${cases})`);
    expect(cases).toBeGreaterThan(0);
  });

  afterAll(() => console.log(`operators with fewer than ${wanted} different cases: ${fewer.join(', ') || 'none'}`));
});
