import { expect, it } from 'vitest';
import { GraphBuilder } from '../../../src/graph/builder/builder.js';
import { TooLargeError } from '../../../src/graph/builder/too-large.js';
import type { Provider } from '../../../src/graph/options.js';

/** [2^16, 1] + [1, n] */
const sum = (provider: Provider, n: number) => () => {
  const g = new GraphBuilder(provider);
  const [rows, columns] = [g.input('x', 'float32', [2 ** 16, 1]), g.input('y', 'float32', [1, n])];
  return g.scope('layer1.conv', () => g.op('Add', [rows, columns]));
};

it('on CUDA, a tensor that its kernels cannot count is an error that names the node and the shape', () => {
  expect(sum('cuda', 2 ** 15)).toThrow(TooLargeError);
  expect(sum('cuda', 2 ** 15)).toThrow(
    'Add at layer1.conv would make a tensor of [65536, 32768], 2.1e+9 elements; on cuda there can be 2147483647 at most',
  );
  expect(sum('cuda', 2 ** 15 - 1)).not.toThrow();
  expect(sum('cpu', 2 ** 15)).not.toThrow();
});
