/** Memory that has run out, in words: every library has its own for it. */
import { UserError } from '../base/errors.js';

/** Of the allocators of V8, ONNX Runtime, C++ and CUDA, and of messages between threads. */
const outOfMemory = /bad_alloc|failed to allocate|out of memory|cannot allocate|allocation fail/i;

/**
 * The error that tells of too little memory; undefined when something else was wrong, or was told in words already.
 *
 * @param where what the memory was for: `train_loop on cpu`
 */
export function memoryError(error: unknown, where?: string): UserError | undefined {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof UserError || !outOfMemory.test(message)) return undefined;
  const place = where === undefined ? '' : `${where}: `;
  const options = where?.startsWith('train_loop') ? '--batch-size, --micro-batch' : '--batch-size';
  return new UserError(
    `${place}not enough memory. Lower ${options} or --image-size, or take a smaller --model. (${message.trim()})`,
    { cause: error },
  );
}
