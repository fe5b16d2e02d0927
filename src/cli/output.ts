/** What becomes of the program when its output is not taken any more: it is never ended in the middle of its work. */
import { fileError } from '../runner/base/files.js';

/** Hear that the reader of the output has gone. */
const listeners = new Set<() => void>();

let isFailed = false;
let isWork = true;

/** Calls back when the output's reader has gone, as `head` does; returns how to stop that. */
export function onReaderGone(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Says that the work is what is written to files: without its output, the program has done what it was asked for. */
export function outputIsAside(): void {
  isWork = false;
}

function onError(error: NodeJS.ErrnoException): void {
  // A reader that has seen enough is no error.
  if (error.code === 'EPIPE') {
    for (const listener of listeners) listener();
    return;
  }
  if (isFailed) return;
  isFailed = true;
  const onwards = isWork ? '' : ' The work goes on without.';
  console.error(`dws: ${fileError("can't write the output", error).message}.${onwards}`);
}

/** To be called once, before anything is written. */
export function watchOutput(): void {
  process.stdout.on('error', onError);
  // Nothing is left to say it to.
  process.stderr.on('error', () => undefined);
  process.on('exit', () => {
    if (isFailed && isWork) process.exitCode ||= 1;
  });
}

/** Resolves once everything that was printed is written, or can't be. */
export async function outputIsWritten(): Promise<void> {
  for (const stream of [process.stdout, process.stderr])
    await new Promise<void>((resolve) => stream.write('', () => resolve()));
}
