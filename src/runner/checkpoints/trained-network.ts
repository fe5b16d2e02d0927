/** The network inside a checkpoint, without what only a training needs. */
import type { NetworkOptions } from '../../graph/options.js';
import type { Preprocessing } from '../../graph/preprocessing.js';
import type { TrainingState } from '../../graph/state/state.js';
import { blaming } from '../modules/blame.js';
import type { LoadedModules } from '../modules/kinds.js';
import { noModules } from '../modules/kinds.js';
import { requireLayout } from '../options/network.js';
import { chooseCheckpoint } from './choose.js';
import { networkModules } from '../modules/network-text.js';
import type { Checkpoint, CheckpointMetadata } from './checkpoint.js';
import { loadCheckpoint, matchCheckpoint } from './checkpoint.js';
import { recordedPreprocessing } from './metadata.js';
import { recordedModules, requireModules } from './own-parts.js';

export interface TrainedNetwork {
  network: NetworkOptions;
  /** Flat, as `describeNetwork` lays them out. */
  params: Float32Array;
  buffers: Float32Array;
  /** What the training made of images. */
  preprocessing: Preprocessing;
  /** What the training took of its data for validation. */
  valSplit?: string;
  /** Steps that it was trained for. */
  step: number;
  /** Where a backbone of its own comes from. */
  modules?: LoadedModules;
}

/**
 * @param checkpointPath a checkpoint, or a run's folder: its best one, or else the last
 * @param modules the backbone's, where it has one of its own
 * @throws UserError when the file is no checkpoint, is damaged, does not hold the network that it says it does, or wants a module
 */
export async function loadNetwork(checkpointPath: string, modules = noModules): Promise<TrainedNetwork> {
  return (await loadTraining(checkpointPath, modules)).trained;
}

/** The backbone that the checkpoint itself has kept, where none is given. */
function withNetwork({ path, metadata }: Checkpoint, given: LoadedModules): LoadedModules {
  const { network, runOptions } = metadata;
  const digits = recordedModules(runOptions).backbone;
  return network === undefined || digits === undefined || given.definitions.backbone
    ? given
    : networkModules(network, path, digits);
}

/** The network, and what the checkpoint tells of its training. @throws as `loadNetwork` */
export async function loadTraining(
  checkpointPath: string,
  given = noModules,
): Promise<{ trained: TrainedNetwork; state: TrainingState; metadata: CheckpointMetadata }> {
  const checkpoint = await loadCheckpoint(await chooseCheckpoint(checkpointPath));
  const { metadata } = checkpoint;
  const { options, step } = metadata;
  const modules = withNetwork(checkpoint, given);
  const { model, featDim, embedDim, imageSize, mean, std, backboneOptions } = options;
  const network: NetworkOptions = {
    ...{ model, featDim, embedDim, imageSize },
    ...(mean && { mean }),
    ...(std && { std }),
    ...(backboneOptions && { backboneOptions }),
  };
  requireModules(checkpoint, modules, ['backbone']);
  const layout = blaming(modules, () => requireLayout(network, modules.definitions));
  matchCheckpoint(checkpoint, { options: network, layout });
  const { state } = checkpoint;
  const { params, buffers } = state as Record<'params' | 'buffers', Float32Array>;
  const valSplit = metadata.runOptions['valSplit'] as string | undefined;
  const trained = { network, params, buffers, preprocessing: recordedPreprocessing(metadata), valSplit, step, modules };
  return { trained, state, metadata };
}
