/** Values that are nearly those that an option takes. */
import { expect, it } from 'vitest';
import { parseRunOptions } from '../../../src/runner/options/plan.js';
import type { RunOptions } from '../../../src/runner/options/run-options.js';
import { smallRun } from '../training/train-options.js';

it.each([
  [{ model: 'resnet19' }, /^--model resnet19: Did you mean resnet18\? Or give one of alexnet, /],
  [{ resize: 'strech' }, /^--resize strech: Did you mean stretch\? Or give one of stretch, cover, contain\.$/],
  [{ optimizer: 'lion' }, /^--optimizer lion: give one of sgd, adam\.$/],
])('a program is told as well: %j', (options, message) => {
  const given = smallRun({ dataPath: 'd', out: 'o', ...(options as Partial<RunOptions>) });
  expect(() => parseRunOptions(given)).toThrow(message);
});
