import type { Command } from 'commander';
import type { OptionValues } from '../options.js';
import { addExample, addOptions, optional, withDefault } from '../options.js';
import { integer, listOf, text, path } from '../parsers.js';

const own = {
  host: withDefault(
    'name',
    'address to listen on; others than this machine reach it only with 0.0.0.0 or an address of the network',
    text,
    '127.0.0.1',
  ),
  port: withDefault('n', 'port to listen on; 0 for any that is free', integer({ min: 0, max: 65535 }), 8080),
  allowHost: optional(
    'names',
    'more names that browsers may ask for, such as mybox.local or those of a proxy; with commas between them',
    listOf(text),
  ),
};

export function addDemo(program: Command): void {
  const command = program
    .command('demo')
    .description('serve a page that searches with the model in the browser')
    .argument('<dir>', 'folder that dws export --web and dws gallery wrote', path);
  addOptions(command, 'Options:', own);
  addExample(command, 'dws demo web --port 8080\n  dws demo web --host 0.0.0.0 --allow-host mybox.local');
  command.action(async (folder: string, values: OptionValues<typeof own>) => {
    const { demo } = await import('../actions/demo.js');
    await demo(folder, values);
  });
}
