/** One process at a time. */
import { createRequire } from 'node:module';
import { setTimeout } from 'node:timers/promises';
import type Lockfile from 'proper-lockfile';
import { UserError } from '../base/errors.js';
import { errorCode, fileError } from '../base/files.js';

/** Milliseconds between two looks at a lock that another process holds. */
const POLL_MS = 250;

export interface LockHooks {
  /** Called once, when another process holds the lock. */
  onWaiting?: () => void;
  signal?: AbortSignal;
}

const signalNames = (): string[] => process.eventNames().filter((name) => String(name).startsWith('SIG')) as string[];

/**
 * proper-lockfile, without the signal listeners that it brings to remove locks when the process is killed. A signal with
 * any listener does not end a process whose main thread waits for another; and the lock that stays is taken over.
 */
function loadLockfile(): typeof Lockfile {
  const before = new Set(signalNames().flatMap((name) => process.listeners(name as NodeJS.Signals)));
  const loaded = createRequire(import.meta.url)('proper-lockfile') as typeof Lockfile;
  for (const name of signalNames()) {
    for (const listener of process.listeners(name as NodeJS.Signals)) {
      if (!before.has(listener)) process.off(name, listener);
    }
  }
  return loaded;
}

/**
 * Runs a task while no other process runs one for the same path (which need not exist; the lock is a folder `PATH.lock`
 * beside it). The lock of a process that was killed is taken over after ten seconds.
 *
 * @param task its signal is also aborted when another process has taken the lock over, as it may after a long sleep of
 *   this one
 * @throws UserError when the lock can't be made; the signal's reason when it is aborted
 */
export async function withLock<T>(
  path: string,
  { onWaiting, signal }: LockHooks,
  task: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const lost = new AbortController();
  const onCompromised = () =>
    lost.abort(new UserError(`another process took over the work on ${path} while this one slept. Run it again.`));
  const lockfile = loadLockfile();
  const acquire = async (): Promise<(() => Promise<void>) | undefined> => {
    try {
      return await lockfile.lock(path, { realpath: false, onCompromised });
    } catch (error) {
      if (errorCode(error) === 'ELOCKED') return undefined;
      throw fileError(`can't lock ${path}`, error);
    }
  };
  let release = await acquire();
  if (!release) onWaiting?.();
  while (!release) {
    signal?.throwIfAborted();
    await setTimeout(POLL_MS);
    release = await acquire();
  }
  try {
    return await task(signal ? AbortSignal.any([signal, lost.signal]) : lost.signal);
  } finally {
    if (!lost.signal.aborted) await release();
  }
}
