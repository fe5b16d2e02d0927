import type { Command } from 'commander';
import { Argument } from 'commander';
import type { Shell } from '../completion.js';
import { completionScript, shells } from '../completion.js';
import { addExample } from '../options.js';
import { oneOf } from '../parsers.js';

export function addCompletion(program: Command): void {
  const command = program
    .command('completion')
    .description('print a script with which a shell completes commands, options and values')
    .addArgument(new Argument('<shell>', shells.join(', ')).argParser(oneOf(shells)));
  addExample(command, 'dws completion bash >> ~/.bashrc');
  command.action((shell: Shell) => {
    process.stdout.write(completionScript(program, shell));
  });
}
