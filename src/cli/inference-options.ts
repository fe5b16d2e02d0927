/** The options of a command that runs a checkpoint's network, by the names that the runner has for them. */
import { deviceOptions } from './device.js';
import type { backboneModule } from './modules.js';
import { moduleSources } from './modules.js';
import type { OptionValues } from './options.js';
import type { device } from './option-tables.js';

/** @param localRank of what several processes can be @throws UserError as `deviceOptions` */
export function inferenceOptions<
  V extends OptionValues<Pick<typeof device, 'device' | 'gpus'> & typeof backboneModule>,
>(values: V, localRank?: number) {
  const { backbone, ...rest } = values;
  return { ...deviceOptions(rest, localRank), modules: moduleSources({ backbone }) };
}
