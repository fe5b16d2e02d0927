/** Recall@k: how often one of an image's k nearest neighbors shows the same class. */
import { UserError } from '../base/errors.js';
import { printableJson } from '../base/printable.js';
import type { AmongRanks } from '../compute/ranks.js';
import { ComputeThread } from '../compute/thread.js';
import { defaultKs } from '../options/ks.js';
import type { DeviceOptions } from '../options/run-options.js';
import type { SearchHooks } from './neighbors.js';
import { rankHits } from './neighbors.js';
import type { Rows } from './embedded.js';
import { requireEmbeddings } from './embedded.js';
import type { Recall } from './retrieval-metrics.js';
import { QueryScores } from './retrieval-metrics.js';
import type { SearchSets } from '../data/search-sets.js';
import { everyone, othersOf } from '../data/search-sets.js';

/** The k that evaluations report unless told otherwise. */
export const recallKs: readonly number[] = defaultKs;

export interface ScoreOptions {
  sets: SearchSets;
  /** Of Recall@k. */
  ks: readonly number[];
  /** Whether the metrics beside Recall@k are wanted, which take as many neighbors as the largest class has. */
  all?: boolean;
  among?: AmongRanks;
}

/** As `Math.max`, which takes no more values than the stack holds. */
const largest = (values: Iterable<number>): number => {
  let most = 0;
  for (const value of values) if (value > most) most = value;
  return most;
};

/**
 * Ranks the gallery for each query, and scores it.
 *
 * @throws UserError for embeddings that are not finite; the signal's reason when it is aborted
 */
export async function scoreQueries(
  thread: ComputeThread,
  rows: Rows,
  labels: Int32Array,
  { sets, ks, all = false, among }: ScoreOptions,
  hooks: SearchHooks = {},
): Promise<QueryScores> {
  const others = othersOf(labels, sets);
  const scores = new QueryScores(others, ks);
  const k = Math.min(sets.gallery.length, Math.max(largest(ks), all ? largest(others) : 1));
  await rankHits(thread, rows, labels, { sets, k, among }, (query, hits) => scores.add(query, hits), hooks);
  return scores;
}

/**
 * Recall@k with every row as the query against all others, in a compute thread of its own: the share of rows with one of their
 * class among their k nearest (see `nearestNeighbors` for ties). A k beyond the other rows means all of them; a row that is alone in
 * its class counts, and never hits.
 *
 * @param embeddings [n, dim], row-major
 * @param labels [n]
 * @throws UserError for fewer than two rows, embeddings that are not finite, labels that are not as many, and a k that is no whole
 *   number of 1 or more
 */
export async function recallAtK(
  embeddings: Float32Array,
  dim: number,
  labels: Int32Array,
  ks: readonly number[],
  device: DeviceOptions,
): Promise<Recall> {
  const rows = { embeddings, dim };
  requireEmbeddings(rows, labels);
  if (labels.length < 2) throw new UserError(`Recall@k needs two embeddings or more, got ${labels.length}.`);
  if (ks.length === 0 || !ks.every((k) => Number.isSafeInteger(k) && k >= 1)) {
    throw new UserError(`ks ${printableJson(ks)}: give whole numbers of 1 or more.`);
  }
  const thread = new ComputeThread(device);
  try {
    return (await scoreQueries(thread, rows, labels, { sets: everyone(labels.length), ks })).recall();
  } finally {
    await thread.close();
  }
}
