import type { Command } from 'commander';
import { Argument } from 'commander';
import { addExample } from '../options.js';
import { oneOf } from '../parsers.js';

/** In place of commander's, which answers a misspelt command with everything but its name. To be added last: it knows what is there. */
export function addHelp(program: Command): void {
  const known = program.commands.map((command) => command.name());
  const command = program
    .helpCommand(false)
    .command('help')
    .description('print help for a command')
    .addArgument(new Argument('[command]', 'its name').argParser(oneOf(known)));
  addExample(command, 'dws help train');
  command.action((name: string | undefined) => {
    (program.commands.find((other) => other.name() === name) ?? program).outputHelp();
  });
}
