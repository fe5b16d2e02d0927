/** The learning rates of a loss's own parameters, which are options of their own. */
import type { LossDefinition, LossParameter } from '../../graph/losses/loss.js';
import { lossOf } from '../../graph/parts/parts.js';
import { printable } from '../base/printable.js';

/** `lrTemperature` for the learning rate of `temperature`. */
export const rateKey = (name: string): string =>
  `lr_${name}`.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

/** Of a training that gives no options; the loss's parameters may be others in the end, but not their names. */
const usual = { classes: 100, embedDim: 128, batchSize: 70, batchK: 5 };

/** What a loss has as parameters with its own defaults; undefined where it can't do with the usual, which its training tells. */
function usualParameters(loss: LossDefinition): readonly LossParameter[] | undefined {
  try {
    return lossOf(usual, { loss }).parameters ?? [];
  } catch {
    return undefined;
  }
}

/** What a loss has as parameters, whatever the data is; none where that is not known before. */
export const parametersOf = (loss: LossDefinition): readonly LossParameter[] => usualParameters(loss) ?? [];

const namesOf = (parameters: readonly Pick<LossParameter, 'name'>[]): string =>
  parameters.map(({ name }) => name).join(', ') || 'no parameters';

/**
 * Each parameter has an option of its own, `--lr-NAME`, which there has to be before the data is read.
 *
 * @throws Error for a loss whose parameters have other names in this training than there were when its options were made
 */
export function requireSameNames(loss: LossDefinition, parameters: readonly Pick<LossParameter, 'name'>[]): void {
  const before = usualParameters(loss);
  if (!before || namesOf(before) === namesOf(parameters)) return;
  throw new Error(
    `its parameters are called ${printable(namesOf(parameters))} in this training, and ${printable(namesOf(before))} with ` +
      `${usual.classes} classes: names must depend neither on the context nor on options. Make it one parameter of a larger shape`,
  );
}
