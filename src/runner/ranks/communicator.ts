/** How the processes of one training, its ranks, speak with each other. */

import type { Work } from './work.js';

/** Float32 numbers in a GPU's memory. */
export interface DeviceVector {
  address: bigint;
  length: number;
}

/** What becomes of what all ranks give: of numbers that are the same on each, their mean is that number. */
export type Reduction = 'sum' | 'mean';

/**
 * Every rank makes the same calls in the same order, with arrays of the same lengths; what is called while another call runs waits for it.
 * An array belongs to the call until its promise is settled, and after one that has failed, to nobody: it may still be written into.
 *
 * A call rejects with a UserError that names rank and host when another rank is gone, or does not come to the call while nothing of its `work` moves for too long. Nothing can be
 * said to the others then: the process ends by itself, or is ended. A rank that fails ends without `close`; the others are told.
 */
export interface Communicator {
  readonly rank: number;
  readonly size: number;
  /** What they speak by, for people. */
  readonly by: string;
  /** Of this rank; it moves by whatever is done between calls. */
  readonly work: Work;
  /** What all ranks give, in rank order, into `all` (size * mine.length). */
  allGather(mine: Float32Array, all: Float32Array): Promise<void>;
  /** The sum over all ranks unless told otherwise, in place: the same bits on every rank, in every run of as many ranks, and whatever they speak by. */
  allReduce(values: Float32Array, into?: Reduction): Promise<void>;
  /** The sum of what lies on this rank's GPU, without a copy to the host; undefined where all that is said comes from the host. */
  readonly allReduceOnDevice?: (values: DeviceVector) => Promise<void>;
  /** Rank `root`'s bytes, on every rank, in place. */
  broadcast(bytes: Uint8Array, root: number): Promise<void>;
  barrier(): Promise<void>;
  /** Every rank calls it; ends the communication. */
  close(): Promise<void>;
}
