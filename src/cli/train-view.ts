/** Who a training tells its events to: people at a terminal, a program that reads lines of JSON, or nobody. */
import type { TrainEvent, TrainResult } from '../runner/training/events.js';
import type { Output } from './terminal.js';
import { terminal } from './terminal.js';
import type { TrainProgressOptions } from './train-progress.js';
import { TrainProgress } from './train-progress.js';

export interface TrainView {
  handle(event: TrainEvent): void;
  /** Something to know that is no event of the training. */
  note(message: string): void;
  finish(result: TrainResult): void;
  fail(error: unknown): void;
}

/** Events as they are, one JSON object a line; but for heartbeats. Numbers that are not finite are null. */
export function jsonView(output: Pick<Output, 'write'>): TrainView {
  const line = (value: unknown): void => void output.write(`${JSON.stringify(value)}\n`);
  return {
    handle: (event) => event.kind === 'heartbeat' || line(event),
    note: (message) => line({ kind: 'note', message }),
    finish: (result) => line({ kind: 'result', ...result }),
    fail: (error) => line({ kind: 'error', message: error instanceof Error ? error.message : String(error) }),
  };
}

/** What is to be known, and nothing else. @param output not where results are read from */
export function quietView(output: Pick<Output, 'write'>): TrainView {
  const note = (message: string): void => void output.write(`note: ${message}\n`);
  return {
    handle: (event) => (event.kind === 'note' || event.kind === 'advice') && note(event.message),
    note,
    finish: () => undefined,
    fail: () => undefined,
  };
}

export function terminalView(options: TrainProgressOptions): TrainView {
  const progress = new TrainProgress(terminal, options);
  return {
    handle: progress.handle,
    note: (message) => terminal.print(message),
    finish: (result) => progress.finish(result),
    fail: () => terminal.clear(),
  };
}

/** Of a rank beside the first, which tells what all have to tell. */
export const silentView: TrainView = {
  handle: () => undefined,
  note: () => undefined,
  finish: () => undefined,
  fail: () => undefined,
};
