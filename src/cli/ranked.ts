/** A command that runs a checkpoint's network on images: as one process, or as several that divide them. */
import type { CommandWithRanks } from '../runner/ranks/wanted.js';
import { requireRanks, threadsOfRank } from '../runner/ranks/wanted.js';
import { requireProvider } from '../runner/compute/session.js';
import { runDefaults } from '../runner/options/defaults.js';
import { placeOfProcess } from '../runner/ranks/place.js';
import { listedGpus } from './device.js';
import { inferenceOptions } from './inference-options.js';
import { untilInterrupted } from './interrupt.js';
import type { backboneModule } from './modules.js';
import type { OptionValues } from './options.js';
import type { device, ranks } from './option-tables.js';
import { afterFirstRank, startRanks } from './ranks.js';
import { terminal } from './terminal.js';

type Given = Omit<OptionValues<typeof device & typeof ranks & typeof backboneModule>, 'threads'> & {
  /** Undefined unless a person has said so: a rank has its share of the machine. */
  threads: number | undefined;
};

/** What a command is told, as the runner takes it: on a rank, with what it has of the machine. */
export type Ranked<V extends Given> = ReturnType<typeof inferenceOptions<V>>;

function rankedOptions<V extends Given>(values: V, command: CommandWithRanks): Ranked<V> {
  const place = placeOfProcess(process.env, 'NCCL');
  const options = inferenceOptions(values, place?.localRank ?? 0);
  // Whether ranks can meet depends on the device.
  placeOfProcess(process.env, options.device === 'cuda' ? 'NCCL' : 'MPI');
  const ranks = requireRanks(options.ranks, place, command);
  return { ...options, ranks, threads: options.threads ?? threadsOfRank(runDefaults.threads, place) };
}

/**
 * Ranks beside the first say and write nothing.
 *
 * @param job gets whether this process is to write what comes of it; throws the signal's reason when that is aborted
 * @returns the program's exit code
 */
export async function asRanks<V extends Given>(
  command: CommandWithRanks,
  values: V,
  job: (options: Ranked<V>, signal: AbortSignal, isFirst: boolean) => Promise<void>,
): Promise<number> {
  const { device: name, gpus } = values;
  const place = placeOfProcess(process.env, 'NCCL');
  const gpuCount = listedGpus(gpus).length;
  const wanted = values.ranks ?? (gpuCount > 1 ? gpuCount : 1);
  if (wanted > 1 && !place) {
    // What each of them would say.
    requireProvider({ device: name ?? (gpuCount > 0 ? 'cuda' : 'cpu'), deviceId: 0, threads: 1 });
    return startRanks(wanted);
  }
  const isFirst = place === undefined || place.rank === 0;
  if (!isFirst) terminal.silence();
  return untilInterrupted(async (signal) => {
    try {
      await job(rankedOptions(values, command), signal, isFirst);
    } catch (error) {
      // Ctrl-C comes to all ranks, and one may have ended before this one has noticed.
      if (place) signal.throwIfAborted();
      await afterFirstRank();
      throw error;
    }
  });
}
