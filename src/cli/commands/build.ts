import type { Command } from 'commander';
import type { OptionValues } from '../options.js';
import { addExample, addOptions, required, withDefault } from '../options.js';
import { batches, loss, network, optimization, provider, sampling } from '../option-tables.js';
import { integer, path } from '../parsers.js';

const own = {
  classes: required('n', 'number of classes: the length of beta', integer({ min: 2 })),
  device: provider,
  out: withDefault('dir', 'folder to write to', path, 'artifacts'),
};

type Values = OptionValues<
  typeof own & typeof network & typeof batches & typeof loss & typeof sampling & typeof optimization
>;

export function addBuild(program: Command): void {
  const command = program.command('build').description('emit the ONNX artifacts of a training, without training');
  addOptions(command, 'Artifacts:', own);
  addOptions(command, 'Network:', network);
  addOptions(command, 'Batches:', batches);
  addOptions(command, 'Loss:', { ...loss, ...sampling });
  addOptions(command, 'Optimization:', optimization);
  addExample(command, 'dws build --model resnet18 --classes 995 --batch-size 80 --out artifacts');
  command.action(async (values: Values) => {
    const { build } = await import('../actions/build.js');
    await build(values);
  });
}
