/**
 * One writer at a time for files that belong together: a file that names its holder, made in one piece. The holder's process is
 * looked for, so that a killed one's lock, or one from before the machine was started anew, is taken over at once and a suspended one's never is (proper-lockfile goes by the time
 * alone: ten seconds of either). Where it can't be looked for, on another machine, a lock is taken over that nobody has touched for
 * half a minute; a holder that slept so long finds out before it writes.
 */
import { randomBytes } from 'node:crypto';
import { link, open, rename, rm, utimes } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { UserError } from './errors.js';
import { causeCode, errorCode, fileError, openToRead, temporaryName } from './files.js';
import { printable } from './printable.js';
import type { ProcessIdentity } from './process-identity.js';
import { livenessOf, thisProcess } from './process-identity.js';

interface Holder extends ProcessIdentity {
  /** Another one each time. */
  token: string;
  /** ISO 8601. */
  since: string;
}

/** Milliseconds between two signs of life, and how long none may come from a process that can't be looked for. */
const touchEvery = 5_000;
const goneAfter = 30_000;
const lookEvery = 1_000;

const mostBytes = 4096;
/** Others may come and go; a link to nothing is neither there nor can be made. */
const mostTries = 100;

/** File systems without hard links say so in these ways. */
const noLinks = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'UNKNOWN'];

export interface LockHooks {
  /** Called once, when it has to be found out whether the holder still lives. */
  onWaiting?: (message: string) => void;
  signal?: AbortSignal;
}

const isText = (value: unknown): value is string => typeof value === 'string';

/** What a lock's file says; undefined where that is nothing of ours, or not all of it. */
function parseHolder(text: string): Holder | undefined {
  try {
    const holder = JSON.parse(text) as Partial<Holder> | null;
    const { pid, host, world, began, token, since } = holder ?? {};
    const isHolder = Number.isSafeInteger(pid) && pid! > 0 && [host, world, began, token, since].every(isText);
    return isHolder ? (holder as Holder) : undefined;
  } catch {
    return undefined;
  }
}

interface Found {
  text: string;
  holder: Holder | undefined;
  /** Milliseconds; another one after each sign of life. */
  touched: number;
}

/** The lock that is there; undefined for none. */
async function look(file: string): Promise<Found | undefined> {
  try {
    // Opened and not asked by name: network file systems would answer from memory.
    const handle = await openToRead(file);
    try {
      const { mtimeMs, size } = await handle.stat();
      const text = size > mostBytes ? '' : await handle.readFile('utf8');
      return { text, holder: parseHolder(text), touched: mtimeMs };
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (causeCode(error) === 'ENOENT') return undefined;
    // Not a file at all.
    if (causeCode(error) === undefined && error instanceof UserError)
      throw new UserError(
        `can't take the lock ${file}: something else has its name, a folder, a pipe or a device. Remove it.`,
      );
    throw fileError(`can't read the lock ${file}`, error);
  }
}

/** Makes the file with its content in one piece. @returns false when there is one already */
async function create(file: string, text: string): Promise<boolean> {
  const temporary = temporaryName(file);
  const write = async (name: string) => {
    const handle = await open(name, 'wx');
    try {
      await handle.writeFile(text);
      // After a power cut, an empty file would name nobody.
      await handle.sync();
    } finally {
      await handle.close();
    }
  };
  try {
    await write(temporary);
    await link(temporary, file).catch((error: unknown) => {
      if (!noLinks.includes(errorCode(error) ?? '')) throw error;
      return write(file);
    });
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw fileError(`can't write the lock ${file}`, error);
  } finally {
    await rm(temporary, { force: true }).catch(() => undefined);
  }
}

/** Takes a file away that was looked at; where another one has come in its place, it is put back. */
async function moveAway(file: string, { text }: Found): Promise<void> {
  const aside = temporaryName(file);
  try {
    await rename(file, aside);
    const moved = await look(aside);
    if (moved !== undefined && moved.text !== text) await create(file, moved.text);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw fileError(`can't remove the lock ${file}`, error);
  } finally {
    await rm(aside, { force: true }).catch(() => undefined);
  }
}

/** Milliseconds until it is looked again whether another process has taken a lock away. */
const breakingTakes = 20;

/**
 * Takes the lock of a process that is gone away, if it is still the one that was looked at. Only who has the file beside it may do so:
 * of several that find the lock at once, the slowest would take away what the fastest has made since.
 */
async function remove(file: string, found: Found, text: string): Promise<void> {
  const breaking = `${file}.breaking`;
  if (!(await create(breaking, text))) {
    const other = await look(breaking);
    const isLeft = other?.holder === undefined || livenessOf(other.holder, other.touched) === 'gone';
    const isOld = other !== undefined && Date.now() - other.touched > goneAfter;
    if (other && (isLeft || isOld)) await moveAway(breaking, other);
    else await setTimeout(breakingTakes);
    return;
  }
  try {
    const now = await look(file);
    if (now?.text === found.text) await rm(file, { force: true });
  } catch (error) {
    throw error instanceof UserError ? error : fileError(`can't remove the lock ${file}`, error);
  } finally {
    await rm(breaking, { force: true }).catch(() => undefined);
  }
}

/** Waits for a sign of life of a process that can't be looked for. */
async function isSilent(file: string, found: Found, { signal }: LockHooks): Promise<boolean> {
  for (let waited = 0; waited < goneAfter; waited += lookEvery) {
    await setTimeout(lookEvery, undefined, { signal }).catch(() => signal!.throwIfAborted());
    const now = await look(file);
    if (now?.text !== found.text || now.touched !== found.touched) return false;
  }
  return true;
}

const nameOf = ({ holder }: Found): string =>
  holder
    ? `process ${holder.pid} on ${printable(holder.host)}, since ${printable(holder.since)}`
    : 'a process that is not named';

export class WriteLock {
  private readonly timer: NodeJS.Timeout;
  private isReleased = false;

  private constructor(
    readonly file: string,
    /** What the lock keeps, for errors. */
    private readonly what: string,
    private readonly text: string,
  ) {
    this.timer = setInterval(() => void this.touch(), touchEvery);
    this.timer.unref();
  }

  /**
   * Takes the lock, from a holder that is gone if need be.
   *
   * @param file its folder has to be there
   * @param what may be written by one process only, as the beginning of a sentence: `runs/mine`
   * @throws UserError naming the holder, or when the lock can't be made; the signal's reason when it is aborted
   */
  static async take(file: string, what: string, hooks: LockHooks = {}): Promise<WriteLock> {
    const holder: Holder = {
      ...thisProcess(),
      token: randomBytes(16).toString('hex'),
      since: new Date().toISOString(),
    };
    const text = JSON.stringify(holder);
    for (let tried = 0; tried < mostTries; tried++) {
      if (await create(file, text)) return new WriteLock(file, what, text);
      const found = await look(file);
      if (!found) continue;
      const state = found.holder ? livenessOf(found.holder, found.touched) : 'unknown';
      if (state === 'unknown') {
        hooks.onWaiting?.(
          `${what} is locked by ${nameOf(found)}: waiting for ${goneAfter / 1000} s to see whether it still works`,
        );
      }
      if (state === 'gone' || (state === 'unknown' && (await isSilent(file, found, hooks)))) {
        await remove(file, found, text);
        continue;
      }
      throw new UserError(
        `${what} is being written to by ${nameOf(found)}. Wait for its end, stop it, or choose another folder. ` +
          `(Its lock is ${file}.)`,
      );
    }
    throw new UserError(`can't take the lock ${file}: something else has its name. Remove it.`);
  }

  /**
   * Makes sure that the lock is still held, before something is written. One that was removed with its folder is made again.
   *
   * @throws UserError when another process has it
   */
  readonly requireHeld = async (): Promise<void> => {
    const found = await look(this.file);
    if (found?.text === this.text) return;
    // Somebody may just be moving it, to see whose it is.
    if (!found && (await create(this.file, this.text).catch(() => true))) return;
    const now = found ?? (await look(this.file));
    if (now?.text === this.text) return;
    throw new UserError(
      `${this.what} was taken over by ${now ? nameOf(now) : 'another process'} while this one slept: nothing more is written there.`,
    );
  };

  /** Gives the lock back, if it is still this process's. */
  async release(): Promise<void> {
    if (this.isReleased) return;
    this.isReleased = true;
    clearInterval(this.timer);
    const found = await look(this.file).catch(() => undefined);
    if (found?.text === this.text) await rm(this.file, { force: true }).catch(() => undefined);
  }

  private async touch(): Promise<void> {
    const found = await look(this.file).catch(() => undefined);
    if (found?.text !== this.text || this.isReleased) return;
    const now = new Date();
    await utimes(this.file, now, now).catch(() => undefined);
  }
}
