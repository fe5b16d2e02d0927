import { expect, it } from 'vitest';
import { changedHyperparameters } from '../../../src/runner/reproduce/changes.js';
import type { Segment } from '../../../src/runner/reproduce/record.js';

it('an option that is not recorded is told as what it is then, or else as not given', () => {
  const of = (training: object, run: object) => ({ training, run }) as Segment['hyperparameters'];
  const changes = changedHyperparameters(of({ precision: 'fp16', clipNorm: 5 }, {}), of({}, { nanPolicy: 'skip' }));
  expect(changes.map(({ name, was, now }) => `${name} ${now}, was ${was}`).sort()).toEqual([
    '--clip-norm not given, was 5',
    '--nan-policy skip, was stop',
    '--precision fp32, was fp16',
  ]);
});
