/** What a rank has done, which its others see in every beat: they wait for it as long as it moves. */

/** One number, shared by the threads of a process. */
export type Work = Int32Array<SharedArrayBuffer>;

/** Something is done: images decoded, a graph run, a file read. To be said more often than every `--rank-timeout`. */
export const worked = (work: Work): void => void Atomics.add(work, 0, 1);
