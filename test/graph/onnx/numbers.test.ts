/** Constants of graphs: a number that is none would be NaN or 0 in the bytes, and a training of it another one. */
import { expect, it } from 'vitest';
import { GraphBuilder } from '../../../src/graph/builder/builder.js';

const g = new GraphBuilder();
const none = undefined as unknown as number;

it.each<[string, () => unknown, RegExp]>([
  ['NaN', () => g.scalar(NaN), /^a constant of float32 is NaN: give finite numbers .*; where a mask .* 1e30 does$/],
  ['what is infinite', () => g.constant('float32', [2], [0, -Infinity]), /^a constant of float32 is -Infinity: give/],
  ['what float32 rounds to infinity', () => g.scalar(1e39), /^a constant of float32 is 1e\+39: give finite numbers/],
  ['what float32 arrays hold', () => g.constant('float32', [1], Float32Array.of(NaN)), /^a constant of float32 is NaN/],
  ['what is misspelt', () => g.scalar(none), /^a constant of float32 is undefined, a name that is misspelt\?: give/],
  ['text', () => g.scalar('2' as never), /^a constant of float32 is 2: give finite numbers/],
  ['half an index', () => g.ints([0.5]), /^a constant of int64 is 0\.5: give whole numbers that JavaScript holds/],
  ['infinite counts', () => g.ints([1 / 0]), /^a constant of int64 is Infinity: give whole numbers/],
  [
    'what int32 wraps',
    () => g.constant('int32', [], [2 ** 31]),
    /^a constant of int32 is 2147483648: give whole .* from/,
  ],
  ['what a byte wraps', () => g.constant('uint8', [], [256]), /^a constant of uint8 is 256: give whole numbers from 0/],
  ['2 as a truth', () => g.constant('bool', [], [2]), /^a constant of bool is 2: give 0 or 1$/],
  ['a number for a list', () => g.ints(3 as never), /^g\.ints takes a list of whole numbers, and is given 3$/],
  [
    'values that are missing',
    () => g.constant('float32', [1], none as never),
    /^the values of a constant are undefined/,
  ],
  [
    'a shape in a shape',
    () => g.constant('float32', [[1, 1]] as never, [1]),
    /^a constant has the shape \[\[1,1\]\]: give/,
  ],
  [
    'an unknown type',
    () => g.constant('float' as never, [], [1]),
    /^there is no element type float; there are: float32,/,
  ],
  ['too few values', () => g.constant('float32', [2], [1]), /^1 values do not fill a constant of shape \[2\]$/],
])('%s is refused', (_, make, said) => {
  expect(make).toThrow(said);
});

it('the largest and smallest numbers of each type are constants', () => {
  g.constant('float32', [3], [3.4028234663852886e38, -3.4028234663852886e38, 1e-46]);
  g.constant('int8', [2], [-128, 127]);
  g.constant('bool', [2], [true, false] as never);
  g.ints([Number.MAX_SAFE_INTEGER, -1]);
  expect(g.constant('uint8', [2], [0, 255]).data).toEqual([0, 255]);
});
