/** Entry of the compute thread: calls of `Compute`'s methods as messages, one after another. */
import { parentPort, workerData } from 'node:worker_threads';
import { Compute } from './compute.js';
import { UserError } from './errors.js';
import type { DeviceOptions } from './run-options.js';

export interface Call {
  id: number;
  method: keyof Compute;
  args: unknown[];
}

export type Reply = { id: number } & (
  { result: unknown } | { error: { message: string; stack: string | undefined; isUserError: boolean } }
);

const port = parentPort!;
const compute = new Compute(workerData as DeviceOptions);
let last = Promise.resolve();

async function answer({ id, method, args }: Call): Promise<void> {
  try {
    const result = await (compute[method] as (...args: unknown[]) => unknown).apply(compute, args);
    const copies = method === 'read' ? Object.values(result as ReturnType<Compute['read']>) : [];
    port.postMessage(
      { id, result } satisfies Reply,
      copies.map(({ buffer }) => buffer),
    );
  } catch (caught) {
    const { message, stack } = caught instanceof Error ? caught : new Error(String(caught));
    port.postMessage({ id, error: { message, stack, isUserError: caught instanceof UserError } } satisfies Reply);
  }
}

port.on('message', (call: Call) => {
  last = last.then(() => answer(call));
});
