/**
 * SVGs are drawn in a process of their own, one for each thread that meets them: a few bytes of SVG may ask for any amount of time
 * and memory, and nothing else ends what libvips is doing.
 */
import type { ChildProcess } from 'node:child_process';
import { fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { UserError } from '../base/errors.js';
import { processStat } from '../base/process-stat.js';
import { workerFile } from '../base/worker-file.js';
import { BadImageError } from './image-file.js';

/** What the process is asked: the name of one of its functions, and its arguments. */
export interface ApartRequest {
  name: 'decode' | 'header';
  args: readonly unknown[];
}

export type ApartReply =
  | { kind: 'done'; value: unknown }
  /** A BadImageError's reason. */
  | { kind: 'bad'; reason: string }
  /** A UserError's message. */
  | { kind: 'refused'; message: string }
  | { kind: 'bug'; stack: string };

/** Of one image. */
export interface ApartLimits {
  /** Of computing; where that can't be known (macOS, Windows) three times as many on the clock. */
  seconds: number;
  /** Resident bytes of the process; not held on macOS and Windows. */
  bytes: number;
}

const defaultLimits: ApartLimits = { seconds: 20, bytes: 768 * 2 ** 20 };

const pollMilliseconds = 100;

/** A process that is not needed any more gives its memory back. */
const idleMilliseconds = 10_000;

const clockTicks = 100;

/** What Linux tells of a process; undefined elsewhere, and of one that has ended. */
function processUse(pid: number): { seconds: number; bytes: number } | undefined {
  try {
    const resident = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
    return { seconds: processStat(pid).ticks / clockTicks, bytes: 1024 * Number(resident ?? 0) };
  } catch {
    return undefined;
  }
}

/** How a process ends that a drawing has brought down, and not somebody else. */
const crashes = new Set<string | null>(['SIGSEGV', 'SIGABRT', 'SIGBUS', 'SIGILL', 'SIGTRAP', 'SIGFPE']);

const processFailed = (what: string, cause?: unknown) =>
  new UserError(`the process that draws SVGs ${what}. If memory is short, lower --workers; then try again.`, { cause });

function errorOf(path: string, reply: Exclude<ApartReply, { kind: 'done' }>): Error {
  if (reply.kind === 'bad') return new BadImageError(path, reply.reason);
  return reply.kind === 'refused' ? new UserError(reply.message) : new Error(reply.stack);
}

/** A process for images that are looked at one after the other. */
export class ApartProcess {
  private child: ChildProcess | undefined;
  private last: Promise<unknown> = Promise.resolve();
  private idle: NodeJS.Timeout | undefined;

  constructor(private readonly limits: ApartLimits = defaultLimits) {}

  /**
   * @returns what the function gives
   * @throws BadImageError for an image that is bad, takes too much time or memory, or brings the process down; UserError when the
   *   process can't be started or is ended from elsewhere
   */
  run(path: string, request: ApartRequest): Promise<unknown> {
    const result = this.last.then(() => this.runNow(path, request));
    this.last = result.catch(() => undefined);
    return result;
  }

  /** Ends the process; a later call starts another one. */
  stop(): void {
    clearTimeout(this.idle);
    this.child?.kill('SIGKILL');
    this.child = undefined;
  }

  private start(): ChildProcess {
    return fork(fileURLToPath(workerFile('data/apart-process')), {
      serialization: 'advanced',
      execArgv: [],
      // What it might write belongs to no output of the program.
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
  }

  private runNow(path: string, request: ApartRequest): Promise<unknown> {
    clearTimeout(this.idle);
    const { limits } = this;
    const child = (this.child ??= this.start());
    // Only while it works, the program waits for it.
    child.ref();
    child.channel?.ref();
    const before = child.pid === undefined ? undefined : processUse(child.pid);
    const started = performance.now();
    return new Promise((resolve, reject) => {
      const settle = (how: () => void) => {
        clearInterval(timer);
        child.removeAllListeners();
        // What comes after belongs to nobody.
        child.on('error', () => undefined);
        child.unref();
        child.channel?.unref();
        this.idle = setTimeout(() => this.stop(), idleMilliseconds).unref();
        how();
      };
      const give = (reason: string) => {
        this.stop();
        settle(() => reject(new BadImageError(path, reason)));
      };
      const fail = (error: Error) => {
        this.child = undefined;
        settle(() => reject(error));
      };
      const look = () => {
        const use = child.pid === undefined ? undefined : processUse(child.pid);
        const seconds = use ? use.seconds - (before?.seconds ?? 0) : (performance.now() - started) / 3000;
        if (seconds > limits.seconds) return give(`it takes longer than ${limits.seconds} s to draw; simplify it`);
        if (use && use.bytes > limits.bytes) {
          return give(`drawing it takes more than ${Math.round(limits.bytes / 1e6)} MB of memory at once; simplify it`);
        }
      };
      const timer = setInterval(look, pollMilliseconds);
      child.once('message', (reply: ApartReply) =>
        settle(() => (reply.kind === 'done' ? resolve(reply.value) : reject(errorOf(path, reply)))),
      );
      child.once('error', (error) => fail(processFailed(`can't be started (${error.message})`, error)));
      child.once('exit', (code, signal) =>
        fail(
          crashes.has(signal)
            ? new BadImageError(path, `drawing it brings the decoder down (${signal})`)
            : processFailed(`has ended (${signal ?? code})`),
        ),
      );
      child.send(request, (error) => {
        if (error) fail(processFailed(`can't be reached (${error.message})`, error));
      });
    });
  }
}

const ofThisThread = new ApartProcess();

let isApart = false;

/** Called in the process itself: what it is asked for, it does. */
export function beApart(): void {
  isApart = true;
}

/** Whether SVGs are to be handed to another process. */
export const mustGoApart = (): boolean => !isApart;

/** Runs a function in this thread's process. @throws as `ApartProcess.run` */
export const apart = (path: string, request: ApartRequest): Promise<unknown> => ofThisThread.run(path, request);
