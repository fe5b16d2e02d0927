/** Entry of the compute thread: calls of `Compute`'s methods as messages, one after another. */
import { parentPort, workerData } from 'node:worker_threads';
import { Compute } from './compute.js';
import { UserError } from '../base/errors.js';
import { ModuleError } from '../modules/blame.js';
import type { ModuleSources } from '../modules/kinds.js';
import type { DeviceOptions } from '../options/run-options.js';

export interface Call {
  id: number;
  method: keyof Compute;
  args: unknown[];
}

/** What an error is on the other side. */
export type ErrorKind = 'module' | 'user' | 'bug';

export type Reply = { id: number } & (
  { result: unknown } | { error: { message: string; stack: string | undefined; kind: ErrorKind } }
);

const port = parentPort!;
/** What the thread is started with. */
export interface Start {
  device: DeviceOptions;
  modules: ModuleSources;
}

const { device, modules } = workerData as Start;
const compute = new Compute(device, modules);
let last = Promise.resolve();

const kindOf = (error: unknown): ErrorKind =>
  error instanceof ModuleError ? 'module' : error instanceof UserError ? 'user' : 'bug';

async function answer({ id, method, args }: Call): Promise<void> {
  try {
    const result = await (compute[method] as (...args: unknown[]) => unknown).apply(compute, args);
    compute.worked();
    const copies = method === 'read' ? Object.values(result as ReturnType<Compute['read']>) : [];
    port.postMessage(
      { id, result } satisfies Reply,
      copies.map(({ buffer }) => buffer),
    );
  } catch (caught) {
    const { message, stack } = caught instanceof Error ? caught : new Error(String(caught));
    port.postMessage({ id, error: { message, stack, kind: kindOf(caught) } } satisfies Reply);
  }
}

port.on('message', (call: Call) => {
  last = last.then(() => answer(call));
});
