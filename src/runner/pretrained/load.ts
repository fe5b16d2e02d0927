/** Pretrained weights from where they are to where a training begins. */
import { basename } from 'node:path';
import type { NetworkLayout } from '../../graph/state.js';
import { openWeights } from '../weights/open-weights.js';
import type { NetworkVectors, PretrainedReport } from './apply.js';
import { applyWeights } from './apply.js';
import type { CachedFile, CacheOptions } from './cache.js';
import { cachedWeights, sha256Of } from './cache.js';
import type { PublishedVersion } from './published.js';
import { publishedFile } from './published.js';

/** torchvision's weights, kept in the user's cache, or a file of the user's own. */
export type PretrainedSource = { kind: 'published'; weights: PublishedVersion } | { kind: 'file'; path: string };

export interface LoadedWeights extends PretrainedReport {
  /** The file's name, without its folder. */
  name: string;
  /** For people: `PyTorch zip`, `safetensors` ... */
  format: string;
}

/**
 * The file of a source, downloaded when need be.
 *
 * @throws UserError when there are no such weights, or they can't be had or read; the signal's reason when it is aborted
 */
export async function obtainWeights(
  source: PretrainedSource,
  model: string,
  options: CacheOptions = {},
): Promise<CachedFile> {
  if (source.kind === 'published') return cachedWeights(publishedFile(model, source.weights), options);
  return { path: source.path, sha256: await sha256Of(source.path, options.signal) };
}

/**
 * Writes the weights of a file into the flat vectors of a network.
 *
 * @param layout of `describeNetwork`
 * @throws UserError when the file can't be read or does not fit; the vectors may then be half written
 */
export async function loadPretrained(
  path: string,
  layout: NetworkLayout,
  vectors: NetworkVectors,
): Promise<LoadedWeights> {
  const file = await openWeights(path);
  try {
    return { ...(await applyWeights(file, layout, vectors)), name: basename(path), format: file.format };
  } finally {
    await file.close();
  }
}
