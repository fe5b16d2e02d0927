/** Tells models apart: a gallery carries the hash of the model that embedded it. */
import { createHash } from 'node:crypto';
import type { WebModel } from '../../graph/web-export.js';
import { buildWebModel } from '../../graph/web-export.js';
import { webFiles } from '../../graph/web-files.js';
import type { TrainedNetwork } from '../trained-network.js';

/** Hexadecimal digits: 64 bits. */
const digits = 16;

/** Of the float32 form of a network: the first 16 digits of the SHA-256 of its weights' file and the network's JSON. */
export function hashOf(network: TrainedNetwork['network'], { weights }: Pick<WebModel, 'weights'>): string {
  const hash = createHash('sha256');
  for (const chunk of weights) hash.update(chunk);
  return hash.update(JSON.stringify(network)).digest('hex').slice(0, digits);
}

/** The `modelHash` that `dws export --web` writes for a network. */
export function modelHash({ network, params, buffers, resize }: TrainedNetwork): string {
  const weightsFile = webFiles('fp32').weights;
  return hashOf(network, buildWebModel(network, { params, buffers }, { variant: 'fp32', resize, weightsFile }));
}
