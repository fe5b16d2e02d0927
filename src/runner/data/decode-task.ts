/** The work that the decoding threads share: they take image after image off one list, until it is done. */
import type { Squares } from '../../graph/preprocessing.js';
import { UserError } from '../base/errors.js';
import { decodeImage } from './decode.js';
import { requireModest } from './header.js';
import { BadImageError, readImageBytes } from './image-file.js';
import { flipHorizontally } from './mirror.js';

export interface DecodeTask {
  /** Each a file to decode, or pixels [imageSize, imageSize, 3] that were decoded before. */
  sources: readonly (string | Uint8Array)[];
  /** For each image, 1 to mirror it. */
  flips?: Uint8Array;
  /** Looks at an image's header first and refuses those that would take too much memory. */
  probe?: boolean;
  squares: Squares;
  /** Receives [sources, imageSize, imageSize, 3]; may be longer. */
  out: SharedArrayBuffer;
  /** One int32: the next image that nobody has taken yet. */
  next: SharedArrayBuffer;
}

export interface DecodeFailure {
  /** Place in `sources`. */
  index: number;
  /** A BadImageError's reason, or the message of an error that is none of the image's own. */
  reason: string;
  /** Whether it ends everything: such an error may be gone at the next try, and no image is left out for it. */
  ends: boolean;
}

async function decodeFile(path: string, { probe, squares }: DecodeTask): Promise<Uint8Array> {
  const bytes = await readImageBytes(path);
  if (probe) await requireModest(path, bytes);
  return decodeImage(path, squares, bytes);
}

/**
 * Takes images off the task until none is left. Threads take them one by one, because images differ in size and because
 * the main thread, busy inside of ONNX Runtime, could not hand out more.
 *
 * @returns the images of this thread that could not be decoded
 */
export async function runDecodeTask(task: DecodeTask): Promise<DecodeFailure[]> {
  const { sources, flips } = task;
  const { imageSize: size } = task.squares;
  const next = new Int32Array(task.next);
  const bytes = size * size * 3;
  const failures: DecodeFailure[] = [];
  for (let index; (index = Atomics.add(next, 0, 1)) < sources.length;) {
    const source = sources[index]!;
    const target = new Uint8Array(task.out, index * bytes, bytes);
    try {
      target.set(typeof source === 'string' ? await decodeFile(source, task) : source);
      if (flips?.[index]) flipHorizontally(target, size);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      // As data: the classes of errors do not outlive the way to another thread.
      const isBad = error instanceof BadImageError;
      failures.push({ index, reason: isBad ? error.reason : error.message, ends: !isBad });
    }
  }
  return failures;
}
