/** What each option of a training means, by its name in `RunOptions`. */
import { run } from './commands/train.js';
import { batches, device, loss, network, optimization, pretrained, schedule, trainingData } from './option-tables.js';

/** Options that are called otherwise there. */
const otherNames: Record<string, string> = { wd: 'weightDecay', gpus: 'deviceId' };

const tables = {
  ...trainingData,
  ...network,
  ...pretrained,
  ...batches,
  ...loss,
  ...optimization,
  ...schedule,
  ...run,
  ...device,
};

export const optionTexts: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(tables).map(([key, { description }]) => [otherNames[key] ?? key, description]),
);
