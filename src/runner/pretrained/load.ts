/** Pretrained weights from where they are to where a training begins. */
import { basename } from 'node:path';
import type { NetworkLayout } from '../../graph/state/state.js';
import { openWeights } from '../weights/open-weights.js';
import type { ApplyOptions, NetworkVectors, PretrainedReport } from './apply.js';
import { applyWeights } from './apply.js';
import type { CachedFile, CacheOptions } from './cache.js';
import { cachedWeights, sha256Of } from './cache.js';
import type { WeightsSource } from '../options/plan.js';

export interface LoadedWeights extends PretrainedReport {
  /** The file's name, without its folder. */
  name: string;
  /** For people: `PyTorch zip`, `safetensors` ... */
  format: string;
}

/**
 * The file of a source, downloaded when need be.
 *
 * @throws UserError when they can't be had or read; the signal's reason when it is aborted
 */
export async function obtainWeights(source: WeightsSource, options: CacheOptions = {}): Promise<CachedFile> {
  if (source.kind === 'published') return cachedWeights(source.file, options);
  return { path: source.path, sha256: await sha256Of(source.path, options.signal) };
}

/**
 * Writes the weights of a file into the flat vectors of a network.
 *
 * @param layout of `describeNetwork`
 * @throws UserError when the file can't be read, does not fit or holds several; the vectors may then be half written
 */
export async function loadPretrained(
  path: string,
  layout: NetworkLayout,
  vectors: NetworkVectors,
  options: ApplyOptions = {},
): Promise<LoadedWeights> {
  const file = await openWeights(path);
  try {
    return { ...(await applyWeights(file, layout, vectors, options)), name: basename(path), format: file.format };
  } finally {
    await file.close();
  }
}
