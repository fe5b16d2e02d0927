/** The options of a graph, out of those that the commands which build one share. */
import { designedImageSize } from '../runner/options/defaults.js';
import type { OptionValues } from './options.js';
import type { batches, loss, network, optimization, sampling } from './option-tables.js';

type Values = OptionValues<typeof network & typeof batches & typeof loss & typeof sampling & typeof optimization>;

/** Gives options the names that the graphs know them by, and images the size that the model was designed for. */
export function graphOptions<V extends Values>(values: V) {
  const { wd, imageSize = designedImageSize(values.model), ...rest } = values;
  return { ...rest, imageSize, weightDecay: wd };
}
