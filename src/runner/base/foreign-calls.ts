/** koffi, through which libraries written in C are called. */
import type koffi from 'koffi';

export type Koffi = typeof koffi;

/** Libraries run on the stack that koffi makes for a call; their own threads have 8 MiB, as ONNX Runtime's kernels expect. */
const stackBytes = 8 * 2 ** 20;

/**
 * koffi with that stack, which it only takes before a thread's first library: so whoever loads one gets koffi here.
 *
 * @throws Error where koffi has no file for the system
 */
export async function foreignCalls(): Promise<Koffi> {
  const { default: calls } = await import('koffi');
  if (calls.config().sync_stack_size !== stackBytes) calls.config({ ...calls.config(), sync_stack_size: stackBytes });
  return calls;
}
