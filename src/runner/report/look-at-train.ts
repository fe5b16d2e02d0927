/** How a network sees batches of its training images. */
import type { ComputeThread } from '../compute/thread.js';
import { planBatches } from '../data/batches.js';
import { checkImages } from '../data/check.js';
import type { ImageSet } from '../data/folder.js';
import { ImageLoader } from '../data/loader.js';
import { defaultEvalBatch, embedOn } from '../evaluation/embed-on.js';
import { defaultSampling } from '../../graph/parts/parts.js';
import { UserError } from '../base/errors.js';
import { recordedModules } from '../checkpoints/own-parts.js';
import type { SmallClasses } from '../options/run-options.js';
import type { Bins } from './histogram.js';
import type { AllReportOptions, ReportHooks } from './report-options.js';
import type { LoadedCheckpoint } from './run-files.js';
import type { SampledDistances } from './sampled-distances.js';
import { sampledDistances } from './sampled-distances.js';

/** Images of the batches together, about. */
const mostImages = 2000;
const mostBatches = 25;

export interface TrainLook extends SampledDistances {
  batches: number;
}

/**
 * Lets the sampling of negatives work on batches as the training would see them next.
 *
 * @param thread holds the network
 * @throws UserError when no batch can be made or read; the signal's reason
 */
export async function lookAtTrain(
  thread: ComputeThread,
  { trained: { network, preprocessing }, metadata }: LoadedCheckpoint,
  set: ImageSet,
  options: AllReportOptions,
  bins: Bins,
  { onProgress, signal }: ReportHooks,
): Promise<TrainLook> {
  const { options: training, seed, epoch, runOptions } = metadata;
  const { batchSize, batchK, sampling = defaultSampling } = training;
  if (sampling !== defaultSampling || recordedModules(runOptions).loss !== undefined) {
    throw new UserError('it is not the distance-weighted one, or the loss takes none');
  }
  const plan = planBatches(set, { batchSize, batchK, seed, smallClasses: runOptions['smallClasses'] as SmallClasses });
  const count = Math.max(1, Math.min(mostBatches, Math.floor(mostImages / batchSize)));
  const planned = Array.from({ length: count }, (_, step) =>
    Array.from(plan(epoch, step).indices, (place) => set.images[place]!),
  );
  const { workers } = options;
  const loader = new ImageLoader({ ...preprocessing, workers, cache: 'none', pack: set.pack });
  try {
    const bad = await checkImages({ ...set, images: [...new Set(planned.flat())] }, loader);
    const unreadable = new Set(bad.map(({ path }) => path));
    const batches = planned.filter((batch) => !batch.some(({ path }) => unreadable.has(path)));
    if (batches.length === 0) throw new UserError(`each batch has an image that can't be read, ${bad[0]!.path} first.`);
    const job = {
      network,
      loader,
      paths: batches.flat().map(({ path }) => path),
      batchSize: options.batchSize ?? defaultEvalBatch,
    };
    const embeddings = await embedOn(thread, job, {
      signal,
      onProgress: (done, total) => onProgress?.('batches', done, total),
    });
    return { ...(await sampledDistances(thread, embeddings, training, bins)), batches: batches.length };
  } finally {
    await loader.close();
  }
}
