/** What layers of a backbone are given, before it is obeyed. */
import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../../src/graph/builder/builder.js';
import { checkedLayers } from '../../../src/graph/nn/checked.js';
import type { ParameterSource } from '../../../src/graph/nn/layers.js';
import { TrainingLayers } from '../../../src/graph/nn/training.js';

const g = new GraphBuilder();
const source: ParameterSource = {
  param: (name, shape) => g.input(name, 'float32', shape),
  buffer: (name, shape) => g.input(name, 'float32', shape),
};
/** As modules call them, which no compiler has seen. */
const nn = checkedLayers(new TrainingLayers(g, source, { provider: 'cpu' })) as unknown as Record<
  string,
  (...args: unknown[]) => { shape: number[] }
>;
const x = g.input('x', 'float32', [3, 2, 8, 8]);
const row = g.input('row', 'float32', [2, 3]);
const fine = { out: 4, kernel: 3 };
const conv = 'nn.conv2d(name, x, options)';

describe('is refused', () => {
  it.each<[string, unknown[], string]>([
    [
      'conv2d',
      ['c', x, { ...fine, strides: 2 }],
      `${conv}, c: nothing takes strides. Did you mean stride? Known: out, `,
    ],
    ['conv2d', ['c', x, { ...fine, pad: 1 }], `${conv}, c: nothing takes pad. Did you mean padding?`],
    ['conv2d', ['c', x, { out: 4, kernel_size: 3 }], `${conv}, c: nothing takes kernel_size. Did you mean kernel?`],
    ['conv2d', ['c', x, { kernel: 3 }], `${conv}, c: out is undefined: give a whole number of 1 or more`],
    ['conv2d', ['c', x, { out: 4 }], `${conv}, c: kernel is undefined: give a whole number of 1 or more, or two of`],
    ['conv2d', ['c', x, { ...fine, stride: 0 }], `${conv}, c: stride is 0: give a whole number of 1 or more`],
    ['conv2d', ['c', x, { ...fine, out: 4.5 }], `${conv}, c: out is 4.5: give a whole number`],
    ['conv2d', ['c', x, { ...fine, padding: -1 }], `${conv}, c: padding is -1: give a whole number of 0 or more`],
    ['conv2d', ['c', x, { ...fine, padding: [1, 1, 1] }], `${conv}, c: padding is [1,1,1]: give a whole number of 0`],
    ['conv2d', ['c', x, { ...fine, bias: 'no' }], `${conv}, c: bias is no: give true or false`],
    ['conv2d', ['c', x, { ...fine, init: 'zeros' }], `${conv}, c: init is zeros: give an init`],
    ['conv2d', ['c', x, { ...fine, init: { kind: 'zeros' } }], `${conv}, c, init: its init is of kind zeros; known: `],
    ['conv2d', [x, fine], `${conv}: name is a layer's result: give a name of letters`],
    ['conv2d', ['a/b c', x, fine], `${conv}: name is a/b c: give a name of letters`],
    [
      'batchNorm2d',
      ['n', x, { epsilon: 1 }],
      'nn.batchNorm2d(name, x, epsilon): epsilon is {"epsilon":1}: give a small',
    ],
    ['linear', ['fc', row, 4], 'nn.linear(name, x, options): options is 4: give an object, { out }'],
    ['linear', ['fc', row, { out: 4, bias: false }], 'nn.linear(name, x, options), fc: nothing takes bias'],
    [
      'maxPool2d',
      [x, { kernel: 2, stride: 2, pad: 1 }],
      'nn.maxPool2d(x, options): nothing takes pad. Did you mean padding',
    ],
    ['maxPool2d', [x, 2], 'nn.maxPool2d(x, options): options is 2: give an object, { kernel, stride }'],
    ['avgPool2d', [x, { kernel: 2 }], 'nn.avgPool2d(x, options): stride is undefined: give a whole number'],
    [
      'adaptiveAvgPool2d',
      [x, [1, 1]],
      'nn.adaptiveAvgPool2d(x, size): size is [1,1]: give a whole number of 1 or more',
    ],
    ['dropout', [x, 0.5], 'nn.dropout(x): nothing takes the further argument 0.5'],
    ['concat', [x, x], "nn.concat(xs): xs is a layer's result: give a list of what layers return: [a, b]"],
    [
      'relu',
      [undefined],
      'nn.relu(x): x is undefined: give what a layer returns; a scope, or a function of yours, that',
    ],
    ['add', [x, 1], 'nn.add(a, b): b is 1: give what a layer returns'],
    ['mul', [x, Promise.resolve(x)], 'nn.mul(a, b): b is a Promise: give what a layer returns'],
    ['scope', ['a', x], "nn.scope(name, body): body is a layer's result: give a function"],
    ['scope', ['a', () => Promise.resolve(x)], 'nn.scope: its body returns a Promise: it must not be async'],
  ])('%s %#', (layer, given, said) => {
    expect(() => nn[layer]!(...given)).toThrow(said);
  });
});

it('what fits goes on to the layers', () => {
  expect(nn['conv2d']!('c', x, { ...fine, stride: [2, 1], padding: 1, bias: true }).shape).toEqual([4, 2, 4, 8]);
  expect(nn['maxPool2d']!(x, { kernel: 2, stride: 2, padding: undefined, ceil: true }).shape).toEqual([3, 2, 4, 4]);
  expect(nn['scope']!('block.0', () => nn['batchNorm2d']!('bn', x, 1e-3)).shape).toEqual([3, 2, 8, 8]);
  expect(nn['linear']!('fc', row, { out: 5 }).shape).toEqual([2, 5]);
  expect(nn['scope']!('nothing', () => undefined)).toBeUndefined();
});
