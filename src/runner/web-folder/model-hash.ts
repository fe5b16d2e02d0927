/** Tells models apart: a gallery carries the hash of the model that embedded it. */
import { createHash } from 'node:crypto';
import type { WebModel } from '../../graph/artifacts/web-export.js';
import { buildWebModel } from '../../graph/artifacts/web-export.js';
import { webFiles } from '../../graph/artifacts/web-files.js';
import { shortHash } from '../base/short-hash.js';
import type { TrainedNetwork } from '../checkpoints/trained-network.js';

/** Of the float32 form of a network: the first digits of the SHA-256 of its weights' file and the network's JSON. */
export function hashOf(network: TrainedNetwork['network'], { weights }: Pick<WebModel, 'weights'>): string {
  const hash = createHash('sha256');
  for (const chunk of weights) hash.update(chunk);
  return shortHash(hash.update(JSON.stringify(network)).digest('hex'));
}

/** The `modelHash` that `dws export --web` writes for a network. */
export function modelHash({ network, params, buffers, preprocessing, modules }: TrainedNetwork): string {
  const weightsFile = webFiles('fp32').weights;
  const form = { variant: 'fp32', squares: preprocessing, weightsFile } as const;
  return hashOf(network, buildWebModel(network, { params, buffers }, form, modules?.definitions));
}
