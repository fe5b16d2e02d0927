/** How the processes of one training, its ranks, speak with each other. */

/**
 * Every rank makes the same calls in the same order, with arrays of the same lengths; what is called while another call runs waits for it.
 * An array belongs to the call until its promise is settled, and after one that has failed, to nobody: it may still be written into.
 *
 * A call rejects with a UserError that names rank and host when another rank is gone, or does not come to the call in time. Nothing can be
 * said to the others then: the process ends by itself, or is ended. A rank that fails ends without `close`; the others are told.
 */
export interface Communicator {
  readonly rank: number;
  readonly size: number;
  /** What all ranks give, in rank order, into `all` (size * mine.length). */
  allGather(mine: Float32Array, all: Float32Array): Promise<void>;
  /** The sum over all ranks, in place: the same bits on every rank, and in every run of as many ranks. */
  allReduce(values: Float32Array): Promise<void>;
  /** Rank `root`'s bytes, on every rank, in place. */
  broadcast(bytes: Uint8Array, root: number): Promise<void>;
  barrier(): Promise<void>;
  /** Every rank calls it; ends the communication. */
  close(): Promise<void>;
}
