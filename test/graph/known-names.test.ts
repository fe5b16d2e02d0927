import { describe, expect, it } from 'vitest';
import { didYouMean, mostAlike, requireKeys } from '../../src/graph/known-names.js';

it.each([
  ['resnet19', ['resnet18', 'resnet101'], 'resnet18'],
  ['fp61', ['fp32', 'fp16', 'int8'], 'fp16'],
  ['ADAM', ['sgd', 'adam'], 'adam'],
  ['strech', ['stretch', 'cover'], 'stretch'],
])('%s of %j is %s', (word, known, meant) => {
  expect(mostAlike(word, known)).toBe(meant);
  expect(didYouMean(word, known)).toBe(`Did you mean ${meant}? `);
});

it.each([
  ['lion', ['sgd', 'adam']],
  ['v3', ['v1', 'v2']],
  ['', ['sgd']],
  ['x', []],
])('%j of %j is none', (word, known) => {
  expect(mostAlike(word, known)).toBeUndefined();
  expect(didYouMean(word, known)).toBe('');
});

describe('a key that nothing takes', () => {
  const known = ['kernel', 'stride', 'padding', 'imageSize'];

  it.each([
    ['strides', 'stride'],
    ['pad', 'padding'],
    ['kernel_size', 'kernel'],
    ['imagesize', 'imageSize'],
  ])('%s is told with %s', (key, meant) => {
    const message = `conv2d: nothing takes ${key}. Did you mean ${meant}? Known: kernel, stride, padding, imageSize`;
    expect(() => requireKeys('conv2d', { kernel: 1, [key]: 1 }, known)).toThrow(new Error(message));
  });

  it('is told with those that there are where none is meant', () => {
    expect(() => requireKeys('a', { x: 1 }, ['kernel'])).toThrow(new Error('a: nothing takes x. Known: kernel'));
    expect(() => requireKeys('a', { x: 1 }, [])).toThrow(new Error('a: nothing takes x. Known: nothing'));
  });

  it('is not there among those that are known', () => {
    expect(() => requireKeys('a', { kernel: undefined, stride: 2 }, known)).not.toThrow();
  });
});
