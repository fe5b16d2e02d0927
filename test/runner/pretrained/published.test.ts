import { describe, expect, it } from 'vitest';
import { backbones } from '../../../src/graph/models/index.js';
import { UserError } from '../../../src/runner/errors.js';
import { hashPrefix, publishedFile, publishedFiles } from '../../../src/runner/pretrained/published.js';

const files = Object.values(publishedFiles).flatMap(({ v1, v2 }) => (v2 === undefined ? [v1] : [v1, v2]));

it('every backbone has published weights, in a file of its own', () => {
  expect(Object.keys(publishedFiles).sort()).toEqual(Object.keys(backbones).sort());
  expect(new Set(files).size).toBe(24);
});

it.each(files)('%s holds digits of its SHA-256', (file) => {
  expect(hashPrefix(file)).toMatch(/^[0-9a-f]{8}$/);
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
