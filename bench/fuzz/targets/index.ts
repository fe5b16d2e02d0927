import type { Target } from '../target.js';
import { iconPackages } from './icons.js';
import { images } from './images.js';
import { lists } from './lists.js';
import { namesTarget } from './names.js';
import { networks } from './networks.js';
import { packs } from './packs.js';
import { records } from './records.js';
import { runs } from './runs.js';
import { web } from './web.js';
import { weights } from './weights.js';

/** Every parser of files that others may have written. */
export const targets: readonly Target[] = [
  ...weights,
  namesTarget,
  ...runs,
  ...records,
  ...lists,
  networks,
  packs,
  ...web,
  ...iconPackages,
  ...images,
];
