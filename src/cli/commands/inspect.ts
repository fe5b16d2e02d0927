import type { Command } from 'commander';
import { poolings } from '../../graph/imported/features.js';
import type { OptionValues } from '../options.js';
import { addExample, addOptions, optional, toggle } from '../options.js';
import { integer, oneOf, text } from '../parsers.js';

const own = {
  imageSize: optional(
    'pixels',
    'height and width of the images (default: what the file asks for, or 224)',
    integer({ min: 1 }),
  ),
  input: optional('name', 'the input that takes images; found by its shape unless given', text),
  features: optional('name', 'the tensor that features are taken from; the first output unless given', text),
  pool: optional('how', `how tokens, or maps, become one row of features: ${poolings.join(', ')}`, oneOf(poolings)),
  tensors: toggle('list every tensor, and what it is taken for'),
  json: toggle('print all of it as JSON'),
};

type InspectValues = OptionValues<typeof own>;

export function addInspect(program: Command): void {
  const command = program
    .command('inspect <model.onnx>')
    .description('what of an ONNX file can be trained, and what stands in the way');
  addOptions(command, 'Options:', own);
  addExample(command, 'dws inspect vit.onnx --pool cls');
  command.action(async (file: string, values: InspectValues) => {
    const { inspect } = await import('../actions/inspect.js');
    process.exitCode = await inspect(file, values);
  });
}
