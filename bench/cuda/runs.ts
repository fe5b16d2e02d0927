/** What `bench -- cuda` and its child know of each other. */

/** Steps of the runs that follow each other; the first one sets up what is kept. */
export const runs = [2, 2, 6] as const;

/** Evaluated after them; the first one sets up, likewise. */
export const batches = 2;

/** What a traced training printed. */
export interface Traced {
  /** Images, labels and what else is given for one step. */
  inputBytes: number;
  /** The images of an evaluated batch. */
  batchBytes: number;
  /** Of each run. */
  milliseconds: number[];
}
