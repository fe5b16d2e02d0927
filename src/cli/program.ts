/** The program `dws`. */
import { Command } from 'commander';
import { packageJson } from '../runner/package-json.js';
import { addBuild } from './commands/build.js';
import { addCheck } from './commands/check.js';
import { addDemo } from './commands/demo.js';
import { addDiff } from './commands/diff.js';
import { addDoctor } from './commands/doctor.js';
import { addEmbed } from './commands/embed.js';
import { addEval } from './commands/eval.js';
import { addExport } from './commands/export.js';
import { addGallery } from './commands/gallery.js';
import { addPrepare } from './commands/prepare.js';
import { addReport } from './commands/report.js';
import { addTrain } from './commands/train.js';
import { addVerify } from './commands/verify.js';
import { addExample } from './options.js';

export function createProgram(): Command {
  const { version, description } = packageJson();
  const program = new Command('dws')
    .description(description)
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [command]', 'print help for a command')
    .showHelpAfterError("'dws --help' lists the commands, 'dws COMMAND --help' a command's options.")
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'dws: ')) })
    // Errors are thrown, not exits: main.ts alone decides about exit codes.
    .exitOverride();
  addExample(program, 'dws train --data-path data/icons --model resnet18 --image-size 64 --batch-size 80');
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
    addVerify,
    addDiff,
    addDoctor,
  ])
    add(program);
  return program;
}
