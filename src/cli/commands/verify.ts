import type { Command } from 'commander';
import { runModules } from '../modules.js';
import type { OptionValues } from '../options.js';
import { addExample, addOptions, optional, toggle } from '../options.js';
import { integer, path } from '../parsers.js';
import { exitCodeText } from '../reproduce-codes.js';

const own = {
  epochs: optional('n', 'repeat so many epochs of it (default: all)', integer({ min: 1 })),
  dataPath: optional('dir', "where the images are (default: the training's --data-path)", path),
  out: optional('dir', 'folder to keep the repeated training in, for dws diff (default: none is kept)', path),
  ...runModules,
  anyway: toggle('repeat it even where something has changed that may change the numbers'),
  json: toggle('print the result as JSON'),
};

export function addVerify(program: Command): void {
  const command = program
    .command('verify')
    .description('repeat a training from its run.json and tell whether every bit comes out again')
    .argument('<run>', "the training's folder, or its run.json", path);
  addOptions(command, 'Options:', own);
  command.addHelpText('after', `\n${exitCodeText(['same', 'error', 'differs', 'changed'])}`);
  addExample(command, 'dws verify runs/resnet18-0 --epochs 1');
  command.action(async (run: string, values: OptionValues<typeof own>) => {
    const { verify } = await import('../actions/verify.js');
    await verify(run, values);
  });
}
