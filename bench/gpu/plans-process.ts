/**
 * One process of the GPU check: whether a device computes each convolution, a line of JSON for each.
 *
 *     plans-process.ts TRAINING DEVICE
 *
 * with the options of a training and of a device as JSON.
 */
import type { TrainingOptions } from '../../src/graph/options.js';
import type { DeviceOptions } from '../../src/runner/options/run-options.js';
import { plansOf } from './plans.js';

const [training, device] = process.argv.slice(2) as [string, string];
for await (const plan of plansOf(JSON.parse(training) as TrainingOptions, JSON.parse(device) as DeviceOptions))
  console.log(JSON.stringify(plan));
