/**
 * Entry of the thread that watches the other ranks. It ends the process when the thread that trains does not do so itself: that one may be
 * inside of a native call, which nothing interrupts.
 */
import { writeSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { Hub } from './hub.js';
import { Spoke } from './spoke.js';
import type { FromWatcher, ToWatcher, WatchStart } from './watch-messages.js';
import { nameOf, Silence, ticksOfTimeout } from './watch-messages.js';
import type { Watched, WatchEvents } from './watched.js';

const start = workerData as WatchStart;
const port = parentPort!;
const tell = (message: FromWatcher): void => port.postMessage(message);

/** Left to a thread that has been told of an end, milliseconds: mpirun takes a second more, and all is to be over within twice the timeout. */
const graceMs = start.timeoutSeconds * 300;
const stderr = 2;

function started(what: string): { what: string; silence: Silence } {
  return { what, silence: new Silence(ticksOfTimeout) };
}

let watched: Watched | undefined;
let gone = false;
let expected: { what: string; silence: Silence } | undefined = started('the start of MPI');

function kill(why: string): void {
  try {
    writeSync(stderr, `dws: ${nameOf(start)}: ${why}\n`);
  } finally {
    process.kill(process.pid, 'SIGKILL');
  }
}

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

const events: WatchEvents = {
  all: (hosts) => tell({ tell: 'all', hosts }),
  gone(why) {
    if (gone) return;
    gone = true;
    tell({ tell: 'gone', why });
    setTimeout(() => kill(why), graceMs);
  },
  left: () => tell({ tell: 'left' }),
};

const does: { [What in ToWatcher['do']]: (message: Extract<ToWatcher, { do: What }>) => void } = {
  async listen() {
    const hub = new Hub(start, events);
    watched = hub;
    try {
      tell({ tell: 'listening', meeting: await hub.listen() });
    } catch (error) {
      hub.fail(`${nameOf(start)} can't listen for the other ranks: ${String(error)}`);
    }
  },
  join({ meeting }) {
    watched = new Spoke(start, events, meeting);
  },
  expect({ what }) {
    expected = what === null ? undefined : started(what);
  },
  fail({ why }) {
    if (watched) watched.fail(why);
    else events.gone(why);
  },
  bye() {
    watched?.bye();
  },
};

port.on('message', (message: ToWatcher) => (does[message.do] as (message: ToWatcher) => void)(message));
setInterval(
  () => {
    if (!gone) watched?.tick();
    if (start.launcher !== undefined && !isThere(start.launcher))
      events.gone('what has started the ranks has been killed');
    if (expected?.silence.tick()) kill(`${expected.what} has not ended within ${start.timeoutSeconds} s`);
  },
  (start.timeoutSeconds * 1000) / ticksOfTimeout,
);
