/** Entry of a decoding thread. */
import type { DecodeFailure, DecodeTask } from './decode-task.js';
import { runDecodeTask } from './decode-task.js';

let last: Promise<unknown> = Promise.resolve();

/** Tasks are posted ahead of time; the earlier one is needed earlier, so that they run one after another. */
export default function decodeInTurn(task: DecodeTask): Promise<DecodeFailure[]> {
  const result = last.then(() => runDecodeTask(task));
  last = result.catch(() => undefined);
  return result;
}
