/** Collective calls of a rank, one after another: whoever speaks between ranks matches theirs by their order. */
import { UserError } from '../base/errors.js';
import { untilDone } from './pending.js';
import type { Watch } from './watch.js';

/** Waits for what has been begun. @throws UserError when another rank is gone, or it takes too long */
export type Until = (done: () => boolean) => Promise<void>;

export class Calls {
  private last: Promise<void> = Promise.resolve();

  constructor(private readonly watch: Watch) {}

  /** @param what is called, for people @throws UserError once another rank is gone */
  make(what: string, body: (until: Until) => Promise<void>): Promise<void> {
    const run = async () => {
      if (this.watch.gone !== undefined) throw new UserError(this.watch.gone);
      const call = { what, number: this.watch.nextCall() };
      await body((done) => untilDone(done, this.watch, call));
    };
    const result = this.last.then(run);
    this.last = result.catch(() => undefined);
    return result;
  }
}
