/** `dws build`. */
import type { BuildOptions } from '../../runner/shipping/build.js';
import { buildArtifactFiles } from '../../runner/shipping/build.js';
import { graphOptions } from '../graph-options.js';
import type { OptionValues } from '../options.js';
import type { batches, loss, network, optimization, provider, sampling } from '../option-tables.js';
import { terminal } from '../terminal.js';

type Values = OptionValues<
  { device: typeof provider } & typeof network & typeof batches & typeof loss & typeof sampling & typeof optimization
> & { classes: number; out: string };

const buildOptions = (values: Values): BuildOptions => {
  const { lrBeta, device, ...rest } = graphOptions(values);
  return { ...rest, learnBeta: lrBeta > 0, provider: device };
};

export async function build(values: Values): Promise<void> {
  for (const file of await buildArtifactFiles(buildOptions(values), values.out)) terminal.print(file);
}
