/** Every sampling by its name. */
import { distanceWeighted } from './distance-weighted.js';
import type { SamplingDefinition } from './sampling.js';

export const samplings: Readonly<Record<string, SamplingDefinition>> = {
  'distance-weighted': distanceWeighted,
};
