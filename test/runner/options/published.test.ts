import { describe, expect, it } from 'vitest';
import { backbones } from '../../../src/graph/models/index.js';
import { UserError } from '../../../src/runner/base/errors.js';
import { knownHash, publishedFile, publishedFiles } from '../../../src/runner/options/published.js';

const files = Object.values(publishedFiles).flatMap(({ v1, v2 }) => (v2 === undefined ? [v1] : [v1, v2]));

it('every backbone has published weights, in a file of its own', () => {
  expect(Object.keys(publishedFiles).sort()).toEqual(Object.keys(backbones).sort());
  expect(new Set(files).size).toBe(24);
});

it.each(files)("%s is known by its whole SHA-256 or by its name's digits, with which that begins", (file) => {
  const [, digits] = /-([0-9a-f]{8})\.pth$/.exec(file)!;
  expect(knownHash(file)).toMatch(/^[0-9a-f]{8}([0-9a-f]{56})?$/);
  expect(knownHash(file).slice(0, 8)).toBe(digits);
});

it('15 of them are known by all of it', () => {
  expect(files.filter((file) => knownHash(file).length === 64)).toHaveLength(15);
});

describe('publishedFile', () => {
  it('is the file of the version', () => {
    expect(publishedFile('resnet50', 'v1')).toBe('resnet50-0676ba61.pth');
    expect(publishedFile('resnet50', 'v2')).toBe('resnet50-11ad3fa6.pth');
  });

  it('lists the models that have a version when one has not', () => {
    expect(() => publishedFile('resnet18', 'v2')).toThrow(
      new UserError(
        '--weights v2: there are no such published weights of resnet18, only of resnet50, resnet101, resnet152. ' +
          'Give another --weights, or a file of your own with --pretrained.',
      ),
    );
  });
});
