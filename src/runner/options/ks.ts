/** The k of Recall@k. */

/** What evaluations report unless told otherwise. */
export const defaultKs: readonly number[] = [1, 2, 4, 8, 16];

/** Charts and tables have a place for each. */
export const mostKs = 16;

/** Ascending, each once, and 1 always: Recall@1 decides which checkpoint is the best, whatever else is asked for. */
export const withOne = (ks: readonly number[]): number[] => [...new Set([1, ...ks])].sort((a, b) => a - b);
