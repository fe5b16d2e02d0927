import { describe, it } from 'vitest';
import { add, clampMin, div, exp, log, mul, relu, sqrt, sub } from '../../../src/graph/ops/arithmetic.js';
import type { Build } from '../../helpers/graphs.js';
import { expectGradients, randomTensor } from '../../helpers/graphs.js';

const positive = (shape: number[], index: number) => randomTensor(shape, index).map((x) => Math.abs(x) + 0.5);

describe('gradients of element-wise operators equal finite differences', () => {
  const binary: Record<string, Build> = {
    add: (g, a, b) => add(g, a!, b!),
    sub: (g, a, b) => sub(g, a!, b!),
    mul: (g, a, b) => mul(g, a!, b!),
  };
  const shapes = [
    [
      [3, 4],
      [3, 4],
    ],
    [
      [3, 4],
      [3, 1],
    ],
    [[2, 3, 4], [4]],
    [
      [3, 1, 4],
      [1, 2, 1],
    ],
  ];
  for (const [name, build] of Object.entries(binary)) {
    it.each(shapes)(`${name} of %j and %j`, async (a, b) => expectGradients(build, [a, b]));
  }

  it('div, broadcast', async () => {
    const tensors = [randomTensor([3, 4], 0), positive([3, 1], 1)];
    await expectGradients(
      (g, a, b) => div(g, a!, b!),
      [
        [3, 4],
        [3, 1],
      ],
      tensors,
    );
  });

  const unary: Record<string, Build> = {
    exp: (g, x) => exp(g, x!),
    log: (g, x) => log(g, x!),
    sqrt: (g, x) => sqrt(g, x!),
  };
  for (const [name, build] of Object.entries(unary)) {
    it(name, async () => expectGradients(build, [[3, 5]], [positive([3, 5], 2)]));
  }

  it('relu', async () => expectGradients((g, x) => relu(g, x!), [[4, 6]]));
  it('clampMin', async () => expectGradients((g, x) => clampMin(g, x!, 0), [[4, 6]]));
});
