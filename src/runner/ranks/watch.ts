/** The watch of this rank over the others, by a thread beside the one that trains (`watcher.ts`). */
import os from 'node:os';
import { Worker } from 'node:worker_threads';
import { UserError } from '../base/errors.js';
import { workerFile } from '../base/worker-file.js';
import type { Place } from './place.js';
import type { Work } from './work.js';
import type { FromWatcher, Meeting, ToWatcher, WatchStart } from './watch-messages.js';
import { launcherVariable, nameOf } from './watch-messages.js';

type Told = { [Tell in FromWatcher['tell']]?: Extract<FromWatcher, { tell: Tell }> };

export class Watch {
  private readonly worker: Worker;
  private readonly calls: Int32Array<SharedArrayBuffer>;
  private readonly work: Int32Array<SharedArrayBuffer>;
  private readonly told: Told = {};
  private readonly waiting: (() => void)[] = [];
  private ended: string | undefined;

  /** Begins with MPI's start, which has to end within the timeout. */
  constructor(
    private readonly place: Place,
    readonly timeoutSeconds: number,
  ) {
    const { rank, size, localSize } = place;
    const numbers = () => new Int32Array(new SharedArrayBuffer(size * Int32Array.BYTES_PER_ELEMENT));
    [this.calls, this.work] = [numbers(), numbers()];
    const host = os.hostname();
    const launcher = Number(process.env[launcherVariable]) || undefined;
    const local = localSize === size;
    const { calls, work } = this;
    const workerData: WatchStart = { rank, size, host, timeoutSeconds, calls, work, launcher, local };
    this.worker = new Worker(workerFile('ranks/watcher'), { workerData });
    this.worker.on('message', (message: FromWatcher) => {
      Object.assign(this.told, { [message.tell]: message });
      this.wake();
    });
    this.worker.on('error', (error) => this.end(`the watch over the other ranks has ended: ${error.message}`));
    this.worker.unref();
  }

  /** Why the communication is at its end, once it is. */
  get gone(): string | undefined {
    return this.told.gone?.why ?? this.ended;
  }

  /** Where the other ranks meet this one, rank 0. */
  async listen(): Promise<Meeting> {
    this.send({ do: 'listen' });
    return (await this.wait('listening')).meeting;
  }

  join(meeting: Meeting): void {
    this.send({ do: 'join', meeting });
  }

  /** Until all ranks watch each other. */
  async everybody(): Promise<void> {
    await this.wait('all');
  }

  /** @param what is begun that can't be interrupted, and has to end within the timeout; null when it has */
  expect(what: string | null): void {
    this.send({ do: 'expect', what });
  }

  /** @returns which of this rank's calls it is */
  nextCall(): number {
    return Atomics.add(this.calls, this.place.rank, 1) + 1;
  }

  /**
   * The ranks that have not come to a call, by their names; what they said last is not older than two tenths of the timeout.
   *
   * @returns undefined where that is not known, since the ranks have not met
   */
  missing(call: number): string[] | undefined {
    const hosts = this.told.all?.hosts;
    return hosts?.flatMap((host, rank) => (this.calls[rank]! < call ? [nameOf({ rank, host })] : []));
  }

  /** What this rank has done: whoever works for it adds to it, in any thread, so that the others go on waiting. */
  get ownWork(): Work {
    return this.work.subarray(this.place.rank, this.place.rank + 1);
  }

  /** A number that moves while ranks that have not come to a call work, or come to it. */
  moves(call: number): number {
    let sum = 0;
    for (const [rank, calls] of this.calls.entries()) if (calls < call) sum += 1 + calls + this.work[rank]!;
    return sum;
  }

  /** Tells the others that this rank can't go on. */
  fail(why: string): void {
    this.ended ??= why;
    this.send({ do: 'fail', why });
  }

  /** Takes leave of the others, who are all at their end. */
  async bye(): Promise<void> {
    this.send({ do: 'bye' });
    await this.wait('left');
  }

  /** Ends the thread. */
  async close(): Promise<void> {
    await this.worker.terminate();
  }

  private send(message: ToWatcher): void {
    this.worker.postMessage(message);
  }

  private end(why: string): void {
    this.ended ??= why;
    this.wake();
  }

  private wake(): void {
    for (const resume of this.waiting.splice(0)) resume();
  }

  private async wait<Tell extends keyof Told>(tell: Tell): Promise<NonNullable<Told[Tell]>> {
    this.worker.ref();
    try {
      for (;;) {
        if (this.gone !== undefined) throw new UserError(this.gone);
        const told = this.told[tell];
        if (told) return told;
        await new Promise<void>((resolve) => this.waiting.push(resolve));
      }
    } finally {
      this.worker.unref();
    }
  }
}
