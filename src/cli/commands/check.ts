import type { Command } from 'commander';
import type { OptionValues } from '../options.js';
import { addExample, addOptions, optional, toggle } from '../options.js';
import { batches, imageReading, schedule, trainingData, valSplit } from '../option-tables.js';
import { path } from '../parsers.js';

const own = {
  json: toggle('print everything as JSON'),
  list: optional('file', 'file to write the paths of bad images to, one a line', path),
};

const training = {
  ...imageReading,
  batchSize: batches.batchSize,
  batchK: batches.batchK,
  smallClasses: trainingData.smallClasses,
  valSplit,
  evalEvery: schedule.evalEvery,
};

export function addCheck(program: Command): void {
  const command = program
    .command('check')
    .description('find what would stop a training, and what is unusual, in its images: decodes every one')
    .argument('<data>', 'what --data-path of a training takes', path);
  addOptions(command, 'Options:', own);
  addOptions(command, 'As in the training:', training);
  addExample(command, 'dws check data/icons --list bad.txt');
  command.action(async (data: string, values: OptionValues<typeof own & typeof training>) => {
    const { check } = await import('../actions/check.js');
    await check(data, values);
  });
}
