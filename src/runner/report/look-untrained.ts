/** What the network was worth before it was trained, on the same images. */
import type { ComputeThread } from '../compute/thread.js';
import { recordedModules } from '../checkpoints/own-parts.js';
import type { ImageSet } from '../data/folder.js';
import { ImageLoader } from '../data/loader.js';
import { searchSets } from '../data/search-sets.js';
import { defaultEvalBatch, embedOn } from '../evaluation/embed-on.js';
import type { EmbeddingMetrics } from '../evaluation/measure.js';
import { measureEmbeddings } from '../evaluation/measure.js';
import type { Recall } from '../evaluation/retrieval-metrics.js';
import type { AllReportOptions, ReportHooks } from './report-options.js';
import type { LoadedCheckpoint } from './run-files.js';

export interface UntrainedLook {
  recall: Recall;
  metrics: EmbeddingMetrics;
}

/** Whether the weights that a run began with follow from its options: random ones, of parts that are known here. */
const canBeMade = ({ metadata: { runOptions } }: LoadedCheckpoint): boolean =>
  runOptions['initialWeights'] === undefined && Object.keys(recordedModules(runOptions)).length === 0;

/**
 * @param thread afterwards it holds the untrained network
 * @param set images that can be read
 * @returns undefined for a run whose first weights came from elsewhere
 * @throws the signal's reason when it is aborted
 */
export async function lookUntrained(
  thread: ComputeThread,
  checkpoint: LoadedCheckpoint,
  set: ImageSet,
  options: AllReportOptions,
  { onProgress, signal }: ReportHooks,
): Promise<UntrainedLook | undefined> {
  if (!canBeMade(checkpoint)) return undefined;
  const { trained, metadata } = checkpoint;
  const { network, preprocessing } = trained;
  const { workers, batchSize = defaultEvalBatch } = options;
  await thread.initialize(metadata.options, metadata.seed);
  const loader = new ImageLoader({ ...preprocessing, workers, cache: 'none', pack: set.pack });
  try {
    const paths = set.images.map(({ path }) => path);
    const labels = Int32Array.from(set.images, ({ label }) => label);
    const embeddings = await embedOn(
      thread,
      { network, loader, paths, batchSize },
      { signal, onProgress: (done, total) => onProgress?.('untrained', done, total) },
    );
    const rows = { embeddings, dim: network.embedDim };
    const found = await measureEmbeddings(thread, rows, labels, { sets: searchSets(set), ks: [1] }, { signal });
    return { recall: found.scores.recall(), metrics: found.metrics };
  } finally {
    await loader.close();
  }
}
