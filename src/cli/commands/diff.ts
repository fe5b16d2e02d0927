import type { Command } from 'commander';
import type { OptionValues } from '../options.js';
import { addExample, addOptions, toggle } from '../options.js';
import { exitCodeText } from '../reproduce-codes.js';
import { path } from '../parsers.js';

const own = { json: toggle('print everything as JSON') };

export function addDiff(program: Command): void {
  const command = program
    .command('diff')
    .description('compare two trainings: options, facts, data, losses, checkpoints; in each line RUN_A -> RUN_B')
    .argument('<run_a>', "a training's folder, or its run.json", path)
    .argument('<run_b>', 'another one', path);
  addOptions(command, 'Options:', own);
  command.addHelpText('after', `\n${exitCodeText(['same', 'error', 'differs'])}`);
  addExample(command, 'dws diff runs/resnet18-0 runs/resnet18-1');
  command.action(async (a: string, b: string, values: OptionValues<typeof own>) => {
    const { diff } = await import('../actions/diff.js');
    await diff(a, b, values);
  });
}
