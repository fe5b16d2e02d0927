/** Where the first weights of a training come from, out of the options that say so. */
import { UserError } from '../runner/errors.js';
import type { PretrainedSource } from '../runner/pretrained/load.js';
import type { OptionValues } from './options.js';
import type { pretrained } from './option-tables.js';

/** @returns undefined for random weights. @throws UserError for options that contradict each other */
export function pretrainedSource(values: OptionValues<typeof pretrained>): PretrainedSource | undefined {
  const { usePretrained, weights, pretrained: path } = values;
  if (weights !== undefined && !usePretrained) {
    throw new UserError(`--weights ${weights} chooses among published weights: give --use-pretrained too.`);
  }
  if (path === undefined) return usePretrained ? { kind: 'published', weights: weights ?? 'v1' } : undefined;
  if (usePretrained) {
    throw new UserError(
      `--use-pretrained and --pretrained ${path}: a training begins with one of them. Leave one out.`,
    );
  }
  return { kind: 'file', path };
}
