/** Every loss by its name. */
import type { LossDefinition } from './loss.js';
import { margin } from './margin.js';

export const losses: Readonly<Record<string, LossDefinition>> = { margin: margin };
