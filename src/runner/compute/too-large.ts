/** A tensor that a device can't have, in words for people. */
import { TooLargeError } from '../../graph/builder/too-large.js';
import { UserError } from '../base/errors.js';

/**
 * The error that says what to lower, whichever part asked for the tensor; undefined when something else was wrong.
 *
 * @param where what was built: `train_loop on cuda`
 */
export function tooLargeError(error: unknown, where: string): UserError | undefined {
  if (!(error instanceof Error)) return undefined;
  if (!(error instanceof TooLargeError)) return tooLargeError(error.cause, where);
  return new UserError(`${where}: ${error.message}. Lower --batch-size or --image-size.`, { cause: error });
}
