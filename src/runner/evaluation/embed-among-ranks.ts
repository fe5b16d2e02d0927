/** Images embedded by all ranks, each its share. */
import type { AmongRanks } from '../compute/ranks.js';
import type { ComputeThread } from '../compute/thread.js';
import { shareOf } from './check-among-ranks.js';
import type { EmbedJob } from './embed-on.js';
import { embedOn, NotFiniteError } from './embed-on.js';
import type { SearchHooks } from './neighbors.js';

/**
 * As `embedOn`, with the same batches, so that the embeddings are those of one process. Without a signal where ranks are to go on: one that
 * is aborted leaves the others waiting, until it ends.
 *
 * @returns those of all ranks, on each of them
 */
export async function embedAmongRanks(
  thread: ComputeThread,
  job: Omit<EmbedJob, 'features'>,
  { onProgress, signal }: SearchHooks,
  { rank, size, gather }: AmongRanks,
): Promise<Float32Array> {
  const { paths, batchSize } = job;
  const { embedDim } = job.network;
  const [, share] = shareOf(paths.length, batchSize, 0, size);
  const own = paths.slice(...shareOf(paths.length, batchSize, rank, size));
  const mine = new Float32Array(share * embedDim);
  try {
    const progress = (done: number) => onProgress?.(Math.min(done * size, paths.length), paths.length);
    mine.set(await embedOn(thread, { ...job, paths: own }, { onProgress: progress, signal }));
  } catch (error) {
    // Told by all ranks at once.
    if (!(error instanceof NotFiniteError)) throw error;
    mine.fill(NaN);
  }
  const embeddings = (await gather(mine)).subarray(0, paths.length * embedDim);
  if (!embeddings.every(Number.isFinite)) throw new NotFiniteError();
  return embeddings;
}
