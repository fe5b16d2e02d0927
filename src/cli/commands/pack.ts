import type { Command } from 'commander';
import { packDefaults } from '../../runner/options/defaults.js';
import { imageReading, trainingData } from '../option-tables.js';
import type { OptionValues } from '../options.js';
import { addExample, addOptions, withDefault } from '../options.js';
import { integer, path } from '../parsers.js';

const { resize, resizeTo, filter } = trainingData;

const training = {
  imageSize: withDefault('pixels', 'height and width of the input', integer({ min: 1 }), packDefaults.imageSize),
  ...{ resize, resizeTo, filter },
  ...imageReading,
};

export function addPack(program: Command): void {
  const command = program
    .command('pack')
    .description('images -> one file of decoded pixels, which --data-path takes: for GPUs that wait for decoding')
    .argument('<data>', 'what --data-path of a training takes', path)
    .argument('<file>', 'file to write; an older pack is replaced', path);
  addOptions(command, 'As in the training:', training);
  addExample(command, 'dws pack data/icons icons.pack --image-size 64');
  command.action(async (data: string, file: string, values: OptionValues<typeof training>) => {
    const { pack } = await import('../actions/pack.js');
    process.exitCode = await pack(data, file, values);
  });
}
