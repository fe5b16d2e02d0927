/** The network inside a checkpoint, without what only a training needs. */
import type { NetworkOptions } from '../graph/options.js';
import { requireLayout } from './check-options.js';
import type { CheckpointMetadata } from './checkpoint.js';
import { loadCheckpoint, matchCheckpoint } from './checkpoint.js';
import type { ResizeMode } from './run-options.js';

export interface TrainedNetwork {
  network: NetworkOptions;
  /** Flat, as `describeNetwork` lays them out. */
  params: Float32Array;
  buffers: Float32Array;
  /** How the training made squares of its images. */
  resize: ResizeMode;
  /** Steps that it was trained for. */
  step: number;
}

/** @throws UserError when the file is no checkpoint, is damaged, or does not hold the network that it says it does */
export async function loadNetwork(checkpointPath: string): Promise<TrainedNetwork> {
  return (await loadTraining(checkpointPath)).trained;
}

/** The network, and what the checkpoint tells of its training: beta is [classes]. @throws as `loadNetwork` */
export async function loadTraining(
  checkpointPath: string,
): Promise<{ trained: TrainedNetwork; beta: Float32Array; metadata: CheckpointMetadata }> {
  const checkpoint = await loadCheckpoint(checkpointPath);
  const { metadata } = checkpoint;
  const { options, runOptions, step } = metadata;
  const { model, featDim, embedDim, imageSize } = options;
  const network: NetworkOptions = { model, featDim, embedDim, imageSize };
  matchCheckpoint(checkpoint, { options: network, layout: requireLayout(network) });
  const { params, buffers, beta } = checkpoint.state as Record<'params' | 'buffers' | 'beta', Float32Array>;
  const trained = { network, params, buffers, resize: runOptions['resize'] as ResizeMode, step };
  return { trained, beta, metadata };
}
