import { describe, expect, it } from 'vitest';
import { operatorNames } from '../../../src/graph/onnx/names.js';
import { operators } from '../../../src/graph/operators/index.js';
import { Philox } from '../../../src/graph/state/philox.js';
import { Draw } from './cases/draw.js';
import { holdCase } from './cases/hold.js';
import { generators } from './cases/index.js';

/** Random cases of an operator; those of many ways to be used have more. */
const counts: Partial<Record<string, number>> = {
  Conv: 24,
  MaxPool: 16,
  AveragePool: 16,
  Slice: 20,
  Gather: 16,
  Pad: 16,
};
const usual = 10;

const isRule = (name: (typeof operatorNames)[number]) => typeof operators[name].gradient === 'function';

describe('random cases of each operator', () => {
  it.each(operatorNames.filter(isRule))(
    '%s: shapes are as inferred, gradients equal finite differences',
    async (name) => {
      let compared = 0;
      for (let i = 0; i < (counts[name] ?? usual); i++) {
        const draw = new Draw(new Philox(20, 'init', operatorNames.indexOf(name), i));
        compared += await holdCase(name, draw, generators[name]);
      }
      expect(compared).toBeGreaterThan(0);
    },
  );

  it.each(operatorNames.filter((name) => !isRule(name)))('%s: shapes are as inferred', async (name) => {
    for (let i = 0; i < usual; i++) {
      const draw = new Draw(new Philox(20, 'init', operatorNames.indexOf(name), i));
      expect(await holdCase(name, draw, generators[name])).toBe(0);
    }
  });
});
