import { availableParallelism } from 'node:os';
import { describe, expect, it } from 'vitest';
import { createProgram } from '../../src/cli/program.js';

const program = createProgram();
const commandOf = (name: string) => program.commands.find((command) => command.name() === name)!;

/** Runs a command line that must fail in parsing, and returns what is printed. */
function refused(...args: string[]): string {
  let printed = '';
  const command = createProgram();
  for (const each of [command, ...command.commands]) {
    each.configureOutput({ writeErr: (text) => (printed += text) });
  }
  expect(() => command.parse(['train', '--data-path', 'd', ...args], { from: 'user' })).toThrow();
  return printed;
}

describe('dws train', () => {
  it('has the options of the published training scripts, with their defaults', () => {
    const defaults = Object.fromEntries(
      commandOf('train').options.map(({ long, defaultValue }) => [long, defaultValue]),
    );
    expect(defaults).toMatchObject({
      '--data-path': undefined,
      '--start-epoch': 0,
      '--workers': 4,
      '--embed-dim': 128,
      '--feat-dim': 512,
      '--classes': undefined,
      '--batch-num': undefined,
      '--batch-size': 70,
      '--batch-k': 5,
      '--gpus': '',
      '--epochs': 20,
      '--lr': 0.0001,
      '--lr-beta': 0.1,
      '--margin': 0.2,
      '--momentum': 0.9,
      '--beta': 1.2,
      '--nu': 0,
      '--factor': 0.5,
      '--steps': [20, 40, 60],
      '--resume': undefined,
      '--wd': 0.0001,
      '--seed': 0,
      '--model': 'resnet50',
      '--use-pretrained': false,
      '--weights': undefined,
      '--pretrained': undefined,
      '--normalize-weights': false,
      '--save-prefix': '',
      '--print-freq': 20,
      '--optimizer': 'sgd',
      '--device': undefined,
      '--image-size': undefined,
      '--steps-per-run': undefined,
      '--threads': availableParallelism(),
      '--out': undefined,
    });
  });

  it.each([
    [['--lr', 'fast'], "dws: option '--lr <number>' argument 'fast' is invalid. Give a number at least 0."],
    [['--momentum', '1'], "'--momentum <number>' argument '1' is invalid. Give a number at least 0 and below 1."],
    [['--batch-k', '1'], "'--batch-k <n>' argument '1' is invalid. Give a whole number at least 2."],
    [['--steps', '20,x'], "'--steps <epochs>' argument '20,x' is invalid. Give a whole number at least 0."],
    [['--model', 'resnet19'], "'resnet19' is invalid. Known: alexnet, densenet121, "],
    [['--weights', 'v3'], "'v3' is invalid. Known: v1, v2."],
    [['--optimizer', 'lion'], "'lion' is invalid. Known: sgd, adam."],
    [['--lr-bata', '1'], "dws: unknown option '--lr-bata'\n(Did you mean --lr-beta?)"],
  ])('refuses %j', (args, message) => {
    expect(refused(...args)).toContain(message);
  });
});

it('every command shows its defaults and an example', () => {
  const everyCommand = program.commands.flatMap((command) => [command, ...command.commands]);
  for (const command of everyCommand.filter(({ commands }) => commands.length === 0)) {
    let help = '';
    command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
    expect(help).toMatch(new RegExp(`Example:\\n  dws (prepare )?${command.name()}`));
    for (const { long, defaultValue } of command.options) {
      if (defaultValue !== undefined)
        expect(help.replaceAll(/\s+/g, ' ')).toMatch(new RegExp(`${long} .*?\\(default:`));
    }
  }
});
