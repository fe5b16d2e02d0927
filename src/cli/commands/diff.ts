import type { Command } from 'commander';
import type { ComparedCheckpoint, RunDifference } from '../../runner/reproduce/diff.js';
import { diffRuns } from '../../runner/reproduce/diff.js';
import { counted } from '../format.js';
import type { OptionValues } from '../options.js';
import { addExample, addOptions, toggle } from '../options.js';
import { exitCodes, exitCodeText } from '../reproduce-codes.js';
import { changeLines, curveLines, tensorText } from '../run-changes.js';
import { terminal } from '../terminal.js';

const own = { json: toggle('print everything as JSON') };

const runs: [string, string] = ['RUN_A', 'RUN_B'];

function checkpointLine({ name, difference, onlyIn }: ComparedCheckpoint): string {
  return `${name}: ${difference ? tensorText(difference) : `only in ${onlyIn === 'a' ? runs[0] : runs[1]}`}`;
}

function epochLines({ both, first }: RunDifference['epochs']): string[] {
  if (first) return [`the first that differs is that after epoch ${first.epoch}, step ${first.step}`];
  return both > 0 ? [`the same after ${counted(both, 'epoch')}`] : [];
}

function sections({
  options,
  facts,
  artifacts,
  data,
  curves,
  epochs,
  checkpoints,
}: RunDifference): [string, string[]][] {
  return [
    ['options', changeLines(options)],
    ['facts', changeLines(facts)],
    ['graphs', changeLines(artifacts)],
    ['data', changeLines(data)],
    ['losses and Recall@k', curveLines(curves, runs)],
    ['checkpoints', [...epochLines(epochs), ...checkpoints.map(checkpointLine)]],
  ];
}

export function addDiff(program: Command): void {
  const command = program
    .command('diff')
    .description('compare two trainings: options, facts, data, losses, checkpoints; in each line RUN_A -> RUN_B')
    .argument('<run_a>', "a training's folder, or its run.json")
    .argument('<run_b>', 'another one');
  addOptions(command, 'Options:', own);
  command.addHelpText('after', `\n${exitCodeText(['same', 'error', 'differs'])}`);
  addExample(command, 'dws diff runs/resnet18-0 runs/resnet18-1');
  command.action(async (a: string, b: string, { json }: OptionValues<typeof own>) => {
    const difference = await diffRuns(a, b);
    if (json) terminal.print(JSON.stringify(difference, null, 2));
    else {
      for (const [title, lines] of sections(difference)) {
        terminal.print(terminal.bold(title));
        for (const line of lines.length > 0 ? lines : ['the same']) terminal.print(`  ${line}`);
      }
      terminal.print(difference.isSame ? 'the same numbers, bit for bit' : 'the runs differ');
    }
    process.exitCode = exitCodes[difference.isSame ? 'same' : 'differs'];
  });
}
