/** The program `dws`. */
import { Command, CommanderError, Option } from 'commander';
import type { LoadedModules } from '../runner/modules/kinds.js';
import { noModules } from '../runner/modules/kinds.js';
import { packageJson } from '../runner/base/package-json.js';
import { addBuild } from './commands/build.js';
import { addCheck } from './commands/check.js';
import { addCompletion } from './commands/completion.js';
import { addCudaInstall } from './commands/cuda-install.js';
import { addDemo } from './commands/demo.js';
import { addDiff } from './commands/diff.js';
import { addDoctor } from './commands/doctor.js';
import { addEmbed } from './commands/embed.js';
import { addEval } from './commands/eval.js';
import { addExport } from './commands/export.js';
import { addGallery } from './commands/gallery.js';
import { addHelp } from './commands/help.js';
import { addInspect } from './commands/inspect.js';
import { addPack } from './commands/pack.js';
import { addPrepare } from './commands/prepare.js';
import { addReport } from './commands/report.js';
import { addTrain } from './commands/train.js';
import { addVerify } from './commands/verify.js';
import { addExample, adviseOnUnknown } from './options.js';

const everyCommand = (command: Command): Command[] => [command, ...command.commands.flatMap(everyCommand)];

/** `dws prepare icons` */
const fullName = (command: Command): string =>
  `${command.parent ? `${fullName(command.parent)} ` : ''}${command.name()}`;

/** Where what is wrong with a command line is described: the help of the very command. */
const helpAdvice = (command: Command): string =>
  command.commands.length > 0
    ? `'${fullName(command)} --help' lists the commands, '${fullName(command)} COMMAND --help' a command's options.`
    : `'${fullName(command)} --help' describes what it takes.`;

/** Options by the names that they have in ONNX Runtime, which no misspelling leads to. */
const otherNames: Readonly<Record<string, string>> = { '--provider': '--device', '--execution-provider': '--device' };

/** Options that other programs have, and why there are none here. */
const refused: Readonly<Record<string, string>> = {
  '--sync-bn':
    'every batch normalization would cut the step in two, with an exchange between ranks each way (106 for ResNet-50), in place of two of all. ' +
    '--freeze-bn makes the numbers those of one process; else let each rank have 20 images or more.',
};

/** What is meant by an option that a command has under another name. */
const meantBy = (command: Command, flag: string): string | undefined => {
  const given = flag.split('=')[0]!;
  if (command.name() === 'train' && Object.hasOwn(refused, given)) return `There is none: ${refused[given]}`;
  const name = otherNames[given];
  return name !== undefined && command.options.some(({ long }) => long === name) ? `Did you mean ${name}?` : undefined;
};

/** @param modules that the arguments name, loaded: they declare options of their own */
export function createProgram(modules: LoadedModules = noModules): Command {
  const { version, description } = packageJson();
  const program = new Command('dws')
    .description(description)
    .version(version, '-v, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'dws: ')) })
    // As older versions had it.
    .addOption(new Option('-V').hideHelp())
    // Errors are thrown, not exits: main.ts alone decides about exit codes.
    .exitOverride();
  program.on('option:V', () => {
    console.log(version);
    throw new CommanderError(0, 'commander.version', version);
  });
  addExample(
    program,
    'dws train --data-path data/icons --model resnet18 --image-size 64 --batch-size 80 --optimizer adam --lr 3e-4',
  );
  for (const add of [
    addTrain,
    addEval,
    addEmbed,
    addExport,
    addReport,
    addGallery,
    addDemo,
    addBuild,
    addPrepare,
    addCheck,
    addInspect,
    addPack,
    addVerify,
    addDiff,
    addDoctor,
    addCudaInstall,
    addCompletion,
    addHelp,
  ])
    add(program, modules);
  for (const command of everyCommand(program)) {
    command.showHelpAfterError(helpAdvice(command));
    adviseOnUnknown(command, (flag) => meantBy(command, flag));
  }
  return program;
}
