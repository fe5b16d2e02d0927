import type { Command } from 'commander';
import { embeddingFormats } from '../../runner/evaluation/embedding-formats.js';
import type { OptionValues } from '../options.js';
import { addExample, addOptions, optional } from '../options.js';
import { device, inference, ranks } from '../option-tables.js';
import { oneOf, path, paths } from '../parsers.js';
import { givenThreads } from '../ranks.js';

const endings = embeddingFormats.map((name) => `.${name}`).join(', ');

const own = {
  out: {
    ...optional('file', `file to write; its ending decides: ${endings} (default: embeddings.npy)`, path),
    short: 'o',
  },
  format: optional(
    'name',
    `the ending of a file that is not named, and what is written into a pipe: ${embeddingFormats.join(', ')}`,
    oneOf(embeddingFormats),
  ),
  ...inference,
  ...ranks,
};

type Values = OptionValues<typeof own & typeof device>;

export function addEmbed(program: Command): void {
  const command = program
    .command('embed')
    .description('images -> embeddings, as a NumPy array, CSV, JSON lines or Parquet')
    .argument('<paths...>', 'image files, and folders of them at any depth', paths);
  addOptions(command, 'Options:', own);
  addOptions(command, 'Device:', device);
  addExample(command, 'dws embed --checkpoint runs/resnet18-0/best.safetensors data/icons/val -o icons.npy');
  command.action(async (paths: string[], values: Values) => {
    const { embed } = await import('../actions/embed.js');
    process.exitCode = await embed(paths, { ...values, threads: givenThreads(command) });
  });
}
