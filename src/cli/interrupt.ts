/** Ctrl-C: the first asks the training to save and stop, the second ends the program at once. */
import { constants } from 'node:os';
import { onReaderGone } from './output.js';
import { terminal } from './terminal.js';

/** A terminal that is closed says so more than once, by itself and through the shell: that is no second Ctrl-C. */
const SIGNALS = { SIGINT: 'may end at once', SIGTERM: 'may end at once', SIGHUP: 'stops' } as const;

/** Milliseconds in which signals count as one: npx passes on to a program what the terminal has sent to both. */
const asOne = 500;

/** What a shell reports for a program that has written to a pipe without a reader. */
const readerGone = 128 + (constants.signals.SIGPIPE ?? 13);

export interface Interrupt {
  signal: AbortSignal;
  /** What a shell reports for the signal that came, or undefined when none did. */
  exitCode(): number | undefined;
  /** Gives the signals back to the operating system's default. */
  release(): void;
}

/** @param notify called once, when the first signal comes, the terminal is closed or the reader of the output has gone */
export function onInterrupt(notify: () => void): Interrupt {
  const controller = new AbortController();
  const releases: { name: keyof typeof SIGNALS; off: () => void }[] = [];
  let timer: NodeJS.Timeout | undefined;
  let code: number | undefined;
  const stop = (exitCode: number) => {
    if (code !== undefined) return;
    code = exitCode;
    // Without a listener the next signal kills the process, even while it waits for a thread inside ONNX Runtime.
    timer = setTimeout(() => {
      for (const { name, off } of releases) if (SIGNALS[name] === 'may end at once') off();
    }, asOne);
    timer.unref();
    notify();
    controller.abort();
  };
  for (const name of Object.keys(SIGNALS) as (keyof typeof SIGNALS)[]) {
    const handler = () => stop(128 + constants.signals[name]);
    process.on(name, handler);
    releases.push({ name, off: () => process.off(name, handler) });
  }
  const offReader = onReaderGone(() => stop(readerGone));
  const release = () => {
    clearTimeout(timer);
    offReader();
    for (const { off } of releases) off();
  };
  return { signal: controller.signal, exitCode: () => code, release };
}

/**
 * Runs a job that Ctrl-C ends without a trace, and returns the program's exit code.
 *
 * @param job passes the signal on, and throws its reason
 * @param stopping what is said then
 * @throws what the job throws for other reasons
 */
export async function untilInterrupted(
  job: (signal: AbortSignal) => Promise<void>,
  stopping = 'stopping; nothing is written',
): Promise<number> {
  const interrupt = onInterrupt(() => terminal.print(stopping));
  try {
    await job(interrupt.signal);
    return 0;
  } catch (error) {
    const code = interrupt.exitCode();
    if (code !== undefined && error === interrupt.signal.reason) return code;
    throw error;
  } finally {
    terminal.clear();
    interrupt.release();
  }
}
