import { describe, it } from 'vitest';
import { l2Normalize, linear } from '../../../src/graph/ops/linear.js';
import { sum } from '../../../src/graph/ops/reduce.js';
import { concat, gatherRows, reshape, transpose } from '../../../src/graph/ops/shape.js';
import { expectGradients } from '../../helpers/graphs.js';

describe('gradients equal finite differences', () => {
  it('reshape and transpose', async () =>
    expectGradients((g, x) => transpose(g, reshape(g, x!, [3, 2, 4]), [2, 0, 1]), [[6, 4]]));

  it('concat', async () =>
    expectGradients(
      (g, a, b) => concat(g, [a!, b!, a!], 1),
      [
        [2, 3],
        [2, 4],
      ],
    ));

  it('gatherRows adds up the rows that are taken more than once', async () =>
    expectGradients((g, x) => gatherRows(g, x!, g.constant('int32', [2, 3], [0, 2, 2, 1, 2, 0])), [[4, 5]]));

  it('gatherRows of a vector', async () =>
    expectGradients((g, x) => gatherRows(g, x!, g.constant('int32', [5], [3, 3, 0, 1, 3])), [[4]]));

  it('sum', async () => expectGradients((g, x) => sum(g, x!, [1]), [[3, 4, 2]]));

  it('linear', async () => expectGradients((g, x, w, b) => linear(g, x!, w!, b!), [[3, 4], [5, 4], [5]]));

  it('l2Normalize', async () => expectGradients((g, x) => l2Normalize(g, x!), [[3, 6]]));
});
