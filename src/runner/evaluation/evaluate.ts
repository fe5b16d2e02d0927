/** Recall@k of a network on the images of a split, and what else is measured of it. */
import type { NetworkOptions } from '../../graph/options.js';
import type { AmongRanks } from '../compute/ranks.js';
import { joinRanks } from '../compute/ranks.js';
import { ComputeThread } from '../compute/thread.js';
import { withoutBad } from '../data/check.js';
import { parseValSplit } from '../base/val-split.js';
import type { ImageSet, Split } from '../data/folder.js';
import type { BadImage } from '../data/loader.js';
import type { PassedOver } from '../data/passed-over.js';
import { ImageLoader } from '../data/loader.js';
import { openData } from '../data-sets/open-data.js';
import { checkAmongRanks } from './check-among-ranks.js';
import type { EmbedOptions } from './embed.js';
import { embedAmongRanks } from './embed-among-ranks.js';
import { holdNetwork, squaresOf } from './embed.js';
import { defaultEvalBatch, embedOn } from './embed-on.js';
import type { EmbeddingMetrics, MeasureStage } from './measure.js';
import { measureEmbeddings } from './measure.js';
import { loadModules } from '../modules/load.js';
import { evaluateDefaults, withDefaults } from '../options/defaults.js';
import { requireProvider } from '../compute/session.js';
import { recallKs, scoreQueries } from './recall.js';
import type { Recall } from './retrieval-metrics.js';
import type { SearchCounts } from '../data/search-sets.js';
import { countSearch, searchSets } from '../data/search-sets.js';
import { requireKs } from '../options/rules.js';
import { loadNetwork } from '../checkpoints/trained-network.js';
import { requirePaths } from '../base/require-paths.js';

/** What an evaluation is doing: decoding every image once, embedding them, searching neighbors, or clustering. */
export type EvalStage = 'check' | 'embed' | MeasureStage;

/** Recall@k, or also what `measureEmbeddings` gives. */
export type MetricsChoice = 'recall' | 'all';

/** Who hears of an evaluation, and what ends it. */
export interface EvalHooks {
  onProgress?: (stage: EvalStage, done: number, total: number) => void;
  /** Gets what the images are embedded as, [images, embedDim], before it is searched. */
  onEmbeddings?: (embeddings: Float32Array) => Promise<void>;
  signal?: AbortSignal;
}

/** What embeddings come to, and what there was to find. */
export interface Measured extends SearchCounts {
  recall: Recall;
  /** Of `metrics: 'all'`. */
  metrics?: EmbeddingMetrics;
}

/** How an evaluation is made. */
export interface EvalOptions {
  /** Of Recall@k. Default: 1, 2, 4, 8 and 16. */
  ks?: readonly number[];
  metrics?: MetricsChoice;
  batchSize?: number;
  /** Where several processes evaluate as one. */
  among?: AmongRanks;
  /** What embeds the images, where something knows a shorter way. */
  embedded?: () => Promise<Float32Array>;
}

/**
 * Evaluates the network whose `params` and `buffers` the thread holds.
 *
 * @throws the signal's reason when it is aborted
 */
export async function evaluateOn(
  thread: ComputeThread,
  network: NetworkOptions,
  set: ImageSet,
  loader: ImageLoader,
  { onProgress, onEmbeddings, signal }: EvalHooks,
  { ks = recallKs, metrics: choice = 'recall', batchSize = defaultEvalBatch, among, embedded }: EvalOptions = {},
): Promise<Measured> {
  const stage = (name: EvalStage) => ({
    signal,
    onProgress: (done: number, total: number) => onProgress?.(name, done, total),
  });
  const paths = set.images.map(({ path }) => path);
  const labels = Int32Array.from(set.images, ({ label }) => label);
  const job = { network, loader, paths, batchSize };
  const embeddings = embedded
    ? await embedded()
    : among
      ? await embedAmongRanks(thread, job, stage('embed'), among)
      : await embedOn(thread, job, stage('embed'));
  await onEmbeddings?.(embeddings);
  const rows = { embeddings, dim: network.embedDim };
  const sets = searchSets(set);
  const counts = countSearch(labels, sets);
  if (choice === 'recall') {
    const scores = await scoreQueries(thread, rows, labels, { sets, ks, among }, stage('search'));
    return { recall: scores.recall(), ...counts };
  }
  const { scores, metrics } = await measureEmbeddings(
    thread,
    rows,
    labels,
    { sets, ks, among },
    { onProgress, signal },
  );
  return { recall: scores.recall(), metrics, ...counts };
}

/** What is evaluated, and how. */
export interface EvaluateOptions extends EmbedOptions {
  /** File written by a training. */
  checkpoint: string;
  /** What `openData` takes. */
  dataPath: string;
  /** What is taken for validation of data without a split of its own. Default: as in the training. */
  valSplit?: string;
  /** Default: val. */
  split?: Split;
  /** `all`: also what `measureEmbeddings` gives. Default: recall. */
  metrics?: MetricsChoice;
  /** Of Recall@k; 1 is always among them. Default: 1,2,4,8,16. */
  ks?: readonly number[];
}

/** Of another `--val-split` than the training's: its two parts are not those that the training kept apart. */
function otherSplitNote(given: string | undefined, recorded: string | undefined, split: Split): string | undefined {
  if (given === undefined) return undefined;
  const canonical = (text: string) => JSON.stringify(parseValSplit(text));
  if (recorded !== undefined && canonical(given) === canonical(recorded)) return undefined;
  const which = split === 'val' ? 'some that it was trained on' : 'some that it was not trained on';
  return (
    `--val-split ${given} is not what the training took (${recorded ?? 'none'}): if these are its images, ` +
    `${which} are evaluated.${recorded === undefined ? '' : ' Leave the option out to divide them as the training did.'}`
  );
}

/** What an evaluation came to. */
export interface Evaluation extends Measured {
  /** Those that can be read, queries and gallery together. */
  images: number;
  classes: number;
  /** Images that can't be read, with `skipBad`. */
  skipped: BadImage[];
  /** What lies between the images and is not used. */
  passedOver: PassedOver[];
  /** What there is to know of the images before the numbers are read. */
  notes: string[];
  /** Of embedding and searching. */
  seconds: number;
}

/**
 * Recall@k of a checkpoint. Every image is a query against all others, unless the data says which images are queries and which lie
 * in the gallery: then each query is searched among the gallery, itself excluded.
 *
 * @throws UserError for a checkpoint, data, options or a device that can't be used; the signal's reason when it is aborted
 */
export async function evaluate(options: EvaluateOptions, hooks: EvalHooks = {}): Promise<Evaluation> {
  const { checkpoint, dataPath, ks: wanted, ...given } = withDefaults('evaluate', options, evaluateDefaults);
  requirePaths('evaluate', { checkpoint, dataPath });
  requireProvider(given);
  const ks = requireKs(wanted);
  const trained = await loadNetwork(checkpoint, await loadModules(given.modules));
  const { network } = trained;
  const { split, valSplit, workers, skipBad, batchSize, metrics } = given;
  const listed = await openData(dataPath, split, { skipBad, valSplit, valSplitElse: trained.valSplit });
  const loader = new ImageLoader({ ...squaresOf(trained, given), workers, cache: 'none', pack: listed.pack });
  const thread = new ComputeThread(given, trained.modules);
  try {
    const ranks = await joinRanks(thread, given);
    await holdNetwork(thread, trained);
    const onProgress = (done: number, total: number) => {
      hooks.signal?.throwIfAborted();
      hooks.onProgress?.('check', done, total);
    };
    const bad = await checkAmongRanks(listed, loader, ranks, { onProgress, batchSize });
    const { set, skipped } = withoutBad(listed, bad, skipBad);
    const started = performance.now();
    const measured = await evaluateOn(thread, network, set, loader, hooks, {
      ks,
      metrics,
      batchSize,
      among: ranks.among,
    });
    await ranks.leave();
    const seconds = (performance.now() - started) / 1000;
    const classes = new Set(set.images.map(({ label }) => label)).size;
    const notes = [otherSplitNote(valSplit, trained.valSplit, split)].filter((note) => note !== undefined);
    const passedOver = set.passedOver ?? [];
    return { ...measured, images: set.images.length, classes, skipped, passedOver, notes, seconds };
  } finally {
    await Promise.all([thread.close(), loader.close()]);
  }
}
