/** Waiting for what MPI or NCCL does beside the thread, which has other things to do meanwhile. */
import { setImmediate, setTimeout } from 'node:timers/promises';
import { UserError } from '../base/errors.js';
import type { Watch } from './watch.js';

/** Milliseconds for which a thread that waits stays on its core, then only looks in between of what else there is, then once a millisecond. */
const spinning = 0.05;
const looking = 2;
/** A look that takes longer, in milliseconds, has moved data. */
const moving = 0.02;
/** The longest time between two looks that counts: a process that was stopped itself has not waited. */
const longestGap = 1000;

/** Of the timeout: the watch, which knows more of a rank that is stopped, is to speak first. */
const patience = 1.15;

export interface Call {
  what: string;
  number: number;
}

function tooLong({ what, number }: Call, watch: Watch): string {
  const missing = watch.missing(number);
  const waited = `waited more than ${watch.timeoutSeconds} s in ${what} (call ${number})`;
  if (!missing)
    return `${waited} for the ranks to meet; look at those that say nothing, and at the network between the machines`;
  return missing.length > 0
    ? `${waited} for ${missing.join(', ')}, which did not come to it and has done nothing else in that time: it hangs, or does one thing that takes longer (--rank-timeout)`
    : `${waited}: all ranks have come to it, but their data has not; look at the network between the machines`;
}

/**
 * As long as those that are waited for move, it is no failure to wait: the watch tells of those that are gone.
 *
 * @param isDone a look, which may move data itself
 * @throws UserError when another rank is gone, or nothing has moved for too long
 */
export async function untilDone(isDone: () => boolean, watch: Watch, call: Call): Promise<void> {
  let last = performance.now();
  let [waited, idle] = [0, 0];
  let moved = watch.moves(call.number);
  for (;;) {
    const begin = performance.now();
    const done = isDone();
    const now = performance.now();
    if (done) return;
    const moves = watch.moves(call.number);
    waited = moves === moved ? waited + Math.min(now - last, longestGap) : 0;
    moved = moves;
    idle = now - begin > moving ? 0 : idle + now - last;
    last = now;
    if (watch.gone !== undefined) throw new UserError(watch.gone);
    if (waited > watch.timeoutSeconds * 1000 * patience) {
      const why = tooLong(call, watch);
      watch.fail(why);
      throw new UserError(why);
    }
    if (idle < spinning) continue;
    await (idle < looking ? setImmediate() : setTimeout(1));
  }
}
