/** What each option of a training means, by its name in `RunOptions`. */
import { partKinds } from '../runner/modules/kinds.js';
import { trainTable } from './train-options.js';

/** Options that are called otherwise there. */
const otherNames: Record<string, string> = { wd: 'weightDecay', gpus: 'deviceId' };

/** Options without one of their own on the command line. */
const ofModules: Record<string, string> = {
  modules: 'files that bring parts of the training',
  lossRates: "learning rates of the loss's parameters, by name",
  ...Object.fromEntries(partKinds.map((kind) => [`${kind}Options`, `options that the ${kind}'s module declares`])),
};

export const optionTexts: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    Object.entries(trainTable).map(([key, { description }]) => [otherNames[key] ?? key, description]),
  ),
  ...ofModules,
};
