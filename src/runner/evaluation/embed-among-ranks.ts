/** Images embedded by all ranks of a training, each its share. */
import type { ComputeThread } from '../compute/thread.js';
import type { EmbedJob } from './embed.js';
import { embedOn, NotFiniteError } from './embed.js';
import type { SearchHooks } from './neighbors.js';

/** A process among others that make the same calls. */
export interface AmongRanks {
  rank: number;
  size: number;
  /** What all ranks give, in their order; arrays of one length. */
  gather(mine: Float32Array<ArrayBuffer>): Promise<Float32Array<ArrayBuffer>>;
}

/**
 * As `embedOn`, with the same batches, so that the embeddings are those of one process. It can't be aborted: the others would wait.
 *
 * @returns those of all ranks, on each of them
 */
export async function embedAmongRanks(
  thread: ComputeThread,
  job: EmbedJob,
  { onProgress }: Pick<SearchHooks, 'onProgress'>,
  { rank, size, gather }: AmongRanks,
): Promise<Float32Array> {
  const { paths, batchSize } = job;
  const { embedDim } = job.network;
  const share = Math.ceil(paths.length / batchSize / size) * batchSize;
  const own = paths.slice(rank * share, (rank + 1) * share);
  const mine = new Float32Array(share * embedDim);
  try {
    const progress = (done: number) => onProgress?.(Math.min(done * size, paths.length), paths.length);
    mine.set(await embedOn(thread, { ...job, paths: own }, { onProgress: progress }));
  } catch (error) {
    // Told by all ranks at once.
    if (!(error instanceof NotFiniteError)) throw error;
    mine.fill(NaN);
  }
  const embeddings = (await gather(mine)).subarray(0, paths.length * embedDim);
  if (!embeddings.every(Number.isFinite)) throw new NotFiniteError();
  return embeddings;
}
