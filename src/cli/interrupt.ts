/** Ctrl-C: the first asks the training to save and stop, the second ends the program at once. */
import { constants } from 'node:os';
import { terminal } from './terminal.js';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

export interface Interrupt {
  signal: AbortSignal;
  /** What a shell reports for the signal that came, or undefined when none did. */
  exitCode(): number | undefined;
  /** Gives the signals back to the operating system's default. */
  release(): void;
}

export function onInterrupt(notify: () => void): Interrupt {
  const controller = new AbortController();
  let code: number | undefined;
  const handlers = SIGNALS.map((name) => {
    const handler = () => {
      code = 128 + constants.signals[name];
      // Without a listener the next signal kills the process, even while it waits for a thread inside ONNX Runtime.
      release();
      notify();
      controller.abort();
    };
    process.on(name, handler);
    return [name, handler] as const;
  });
  const release = () => {
    for (const [name, handler] of handlers) process.off(name, handler);
  };
  return { signal: controller.signal, exitCode: () => code, release };
}

/**
 * Runs a job that Ctrl-C ends without a trace, and returns the program's exit code.
 *
 * @param job passes the signal on, and throws its reason
 * @throws what the job throws for other reasons
 */
export async function untilInterrupted(job: (signal: AbortSignal) => Promise<void>): Promise<number> {
  const interrupt = onInterrupt(() => terminal.print('stopping; nothing is written'));
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
