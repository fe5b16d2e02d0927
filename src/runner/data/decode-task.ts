/** The work that the decoding threads share: they take image after image off one list, until it is done. */
import type { Resize } from './decode.js';
import { BadImageError, decodeImage, flipHorizontally, requireModest } from './decode.js';

export interface DecodeTask {
  /** Each a file to decode, or pixels [size, size, 3] that were decoded before. */
  sources: readonly (string | Uint8Array)[];
  /** For each image, 1 to mirror it. */
  flips?: Uint8Array;
  /** Looks at an image's header first and refuses those that would take too much memory. */
  probe?: boolean;
  size: number;
  resize: Resize;
  /** Receives [sources, size, size, 3]; may be longer. */
  out: SharedArrayBuffer;
  /** One int32: the next image that nobody has taken yet. */
  next: SharedArrayBuffer;
}

export interface DecodeFailure {
  /** Place in `sources`. */
  index: number;
  reason: string;
}

/**
 * Takes images off the task until none is left. Threads take them one by one, because images differ in size and because
 * the main thread, busy inside of ONNX Runtime, could not hand out more.
 *
 * @returns the images of this thread that could not be decoded
 */
export async function runDecodeTask(task: DecodeTask): Promise<DecodeFailure[]> {
  const { sources, flips, probe, size, resize } = task;
  const next = new Int32Array(task.next);
  const bytes = size * size * 3;
  const failures: DecodeFailure[] = [];
  for (let index; (index = Atomics.add(next, 0, 1)) < sources.length;) {
    const source = sources[index]!;
    const target = new Uint8Array(task.out, index * bytes, bytes);
    try {
      if (probe && typeof source === 'string') await requireModest(source);
      target.set(typeof source === 'string' ? await decodeImage(source, size, resize) : source);
      if (flips?.[index]) flipHorizontally(target, size);
    } catch (error) {
      if (!(error instanceof BadImageError)) throw error;
      failures.push({ index, reason: error.reason });
    }
  }
  return failures;
}
