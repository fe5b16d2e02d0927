/** Where the first weights of a training come from, out of the options that say so. */
import { UserError } from '../runner/base/errors.js';
import type { PretrainedSource } from '../runner/options/run-options.js';
import type { OptionValues } from './options.js';
import type { pretrained } from './option-tables.js';

/** @returns undefined for random weights. @throws UserError for options that contradict each other */
export function pretrainedSource(values: OptionValues<typeof pretrained>): PretrainedSource | undefined {
  const { usePretrained, weights, pretrained: path, weightsAt: at } = values;
  if (weights !== undefined && !usePretrained) {
    throw new UserError(`--weights ${weights} chooses among published weights: give --use-pretrained too.`);
  }
  if (at !== undefined && path === undefined) {
    throw new UserError(`--weights-at ${at} chooses among the weights in a file: give --pretrained FILE too.`);
  }
  if (path === undefined) return usePretrained ? { kind: 'published', weights: weights ?? 'v1' } : undefined;
  if (usePretrained) {
    throw new UserError(
      `--use-pretrained and --pretrained ${path}: a training begins with one of them. Leave one out.`,
    );
  }
  return { kind: 'file', path, ...(at !== undefined && { at }) };
}
