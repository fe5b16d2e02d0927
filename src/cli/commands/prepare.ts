import type { Command } from 'commander';
import { addExample } from '../options.js';
import { path } from '../parsers.js';

export function addPrepare(program: Command): void {
  const family = program.command('prepare').description('make a data folder to try the program with');
  const icons = family
    .command('icons')
    .description('the same icon drawn by eight hands is one class: 995 classes each in DIR/train and DIR/val')
    .argument('<dir>', 'folder to make', path);
  addExample(icons, 'dws prepare icons data/icons');
  icons.action(async (folder: string) => {
    const { prepare } = await import('../actions/prepare.js');
    await prepare(folder);
  });
}
