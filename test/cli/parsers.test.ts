import { describe, expect, it } from 'vitest';
import { preprocessingRules } from '../../src/graph/preprocessing.js';
import { bytes, colors, integer, listOf, number, oneOf, path } from '../../src/cli/parsers.js';

describe('numbers', () => {
  it('reads decimal and scientific notation', () => {
    expect(number({})('0.0003')).toBe(3e-4);
    expect(number({ min: 0 })('3e-4')).toBe(3e-4);
    expect(integer({})('80')).toBe(80);
  });

  it('keeps to its bounds, and says them', () => {
    const momentum = number({ min: 0, below: 1 });
    expect(momentum('0')).toBe(0);
    expect(() => momentum('1')).toThrow('Give a number at least 0 and below 1.');
    expect(() => number({ above: 0 })('0')).toThrow('Give a number above 0.');
    expect(() => integer({ min: 1, max: 9 })('10')).toThrow('Give a whole number at least 1 and at most 9.');
  });

  it.each(['', ' ', 'abc', '1,5', 'NaN', 'Infinity'])('refuses %j', (text) => {
    expect(() => number({})(text)).toThrow('Give a number.');
  });

  it('refuses fractions and imprecise integers where a whole number is needed', () => {
    expect(() => integer({})('1.5')).toThrow('Give a whole number.');
    expect(() => integer({})('9007199254740993')).toThrow('Give a whole number.');
  });
});

describe('colors', () => {
  it('are a number for red, green and blue', () => {
    expect(colors(preprocessingRules.mean)('0.5, 0.4,0')).toEqual([0.5, 0.4, 0]);
  });

  it.each(['0.5', '0.5,0.5', '0.5,,0.5', '0.5,0.5,x', '127,127,127'])('are refused: %j', (text) => {
    expect(() => colors(preprocessingRules.mean)(text)).toThrow('Give three numbers in [0, 1], of red, green and blue');
  });
});

describe('lists', () => {
  it('are numbers with commas between them, or nothing', () => {
    expect(listOf(integer({ min: 0 }))('20,40, 60')).toEqual([20, 40, 60]);
    expect(listOf(integer({ min: 0 }))('')).toEqual([]);
  });

  it('refuse an item that is no number', () => {
    expect(() => listOf(integer({ min: 0 }))('20,,60')).toThrow('Give a whole number at least 0.');
  });
});

it('a choice lists what is known', () => {
  expect(oneOf(['sgd', 'adam'])('adam')).toBe('adam');
  expect(() => oneOf(['sgd', 'adam'])('toString')).toThrow(/^Known: sgd, adam\.$/);
  expect(() => oneOf(['fp16', 'int8'])('fp61')).toThrow('Did you mean fp16? Known: fp16, int8.');
});

it('a size has a unit', () => {
  expect(['8GB', '500 MiB', '1.5gb', '1kB', '2TB'].map(bytes)).toEqual([8e9, 500 * 2 ** 20, 1.5e9, 1000, 2e12]);
  for (const wrong of ['8', '8G', '-1GB', 'GB', '1e3GB']) {
    expect(() => bytes(wrong), wrong).toThrow('Give a size with its unit, such as 8GB or 500MiB.');
  }
  for (const wrong of ['0GB', '0.0001kB', '99999999TB']) {
    expect(() => bytes(wrong), wrong).toThrow('Give 1 byte or more, at most 1000TB, such as 8GB.');
  }
});

it('a path is not empty', () => {
  expect(path('a b')).toBe('a b');
  expect(() => path('')).toThrow('Give a path.');
});
