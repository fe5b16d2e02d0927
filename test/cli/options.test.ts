import { availableParallelism } from 'node:os';
import { describe, expect, it } from 'vitest';
import { otherRates, partNames } from '../../src/cli/modules.js';
import { loss as lossTable } from '../../src/cli/option-tables.js';
import { createProgram } from '../../src/cli/program.js';
import { defineLoss } from '../../src/graph/losses/loss.js';
import { margin } from '../../src/graph/losses/margin.js';
import { tablesBeside } from '../../src/cli/train-options.js';

const program = createProgram();
const commandOf = (name: string) => program.commands.find((command) => command.name() === name)!;

/** Runs a command line that must fail in parsing, and returns what is printed. */
async function refusedLine(...args: string[]): Promise<string> {
  let printed = '';
  const command = createProgram();
  for (const each of [command, ...command.commands].flatMap((one) => [one, ...one.commands])) {
    each.configureOutput({ writeErr: (text) => (printed += text) });
  }
  await expect(command.parseAsync(args, { from: 'user' })).rejects.toThrow();
  return printed;
}
const refused = (...args: string[]) => refusedLine('train', '--data-path', 'd', ...args);

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
    [['--model', 'resnet19'], "'resnet19' is invalid. Did you mean resnet18? Known: alexnet, densenet121, "],
    [['--optimizer', 'adma'], "'adma' is invalid. Did you mean adam? Known: sgd, adam."],
    [['--loss', 'margn'], "'margn' is invalid. Did you mean margin? Known: "],
    [['--weights', 'v3'], "'v3' is invalid. Known: v1, v2."],
    [['--optimizer', 'lion'], "'lion' is invalid. Known: sgd, adam."],
    [['--lr-bata', '1'], "dws: unknown option '--lr-bata'\n(Did you mean --lr-beta?)"],
  ])('refuses %j', async (args, message) => {
    expect(await refused(...args)).toContain(message);
  });
});

describe('what is wrong with a command line', () => {
  it.each([
    [['train'], "required option '--data-path <dir>' not specified\n'dws train --help' describes what it takes."],
    [['train', '--data-paht', 'd'], "unknown option '--data-paht'\n(Did you mean --data-path?)\n'dws train --help'"],
    [
      ['train', '--sync-bn'],
      "unknown option '--sync-bn'. There is none: every batch normalization would cut the step in two",
    ],
    [['train', '--provider', 'webgpu'], "unknown option '--provider'. Did you mean --device?\n'dws train --help'"],
    [['build', '--provider=cuda'], "unknown option '--provider=cuda'. Did you mean --device?\n'dws build --help'"],
    [['eval', '--spilt', 'val'], "unknown option '--spilt'\n(Did you mean --split?)\n'dws eval --help'"],
    [['eval', '--split', 'vla'], "'vla' is invalid. Did you mean val? Known: train, val.\n'dws eval --help'"],
    [['gallery', 'x', '--dtyp', 'int8'], "unknown option '--dtyp'\n(Did you mean --dtype?)\n'dws gallery --help'"],
    [['report', '--image', '3'], "unknown option '--image'\n(Did you mean --images?)\n'dws report --help'"],
    [['diff', 'a'], "missing required argument 'run_b'\n'dws diff --help'"],
    [['prepare', 'icns'], "unknown command 'icns'\n(Did you mean icons?)\n'dws prepare --help'"],
    [['trian'], "unknown command 'trian'\n(Did you mean train?)\n'dws --help' lists the commands"],
  ])('%j is told, a wrong word before a missing one, with the help of that very command', async (args, message) => {
    const told = await refusedLine(...args);
    expect(told).toContain(`dws: `);
    expect(told).toContain(message);
    expect(told.match(/--help/g)!.length).toBe(/lists the commands/.test(told) ? 2 : 1);
  });
});

it('every option that a command cannot do without is asked for', async () => {
  for (const [args, option] of [
    [['eval', '--data-path', 'd'], '--checkpoint <file>'],
    [['embed', 'x'], '--checkpoint <file>'],
    [['export'], '--checkpoint <file>'],
    [['gallery', 'x', '--checkpoint', 'c'], '-o, --out <dir>'],
    [['build'], '--classes <n>'],
  ] as const)
    expect(await refusedLine(...args)).toContain(`required option '${option}' not specified`);
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

it("a loss of one's own may call its options as the margin loss does, an optimizer may not", () => {
  const besides = (own: Parameters<typeof tablesBeside>[0]) => tablesBeside(own).flatMap(Object.keys);
  expect(besides({ loss: {} })).not.toEqual(expect.arrayContaining(['margin']));
  expect(besides({ loss: {} })).not.toEqual(expect.arrayContaining(['normalizeWeights']));
  expect(besides({ optimizer: {} })).toEqual(expect.arrayContaining(['margin', 'normalizeWeights', 'lr', 'quiet']));
});

describe('a loss that is here', () => {
  const pullPush = defineLoss({
    name: 'pull-push',
    options: {},
    create: () => ({
      takes: 'nothing',
      parameters: [
        { name: 'edge_width', shape: [], init: { kind: 'constant', value: 1 }, learns: true, learningRate: 0.02 },
      ],
      loss: () => {
        throw new Error('is not built');
      },
    }),
  });

  it('has the learning rate of each parameter as an option, but for one that is there already', () => {
    const rates = otherRates({ margin, 'pull-push': pullPush }, lossTable);
    expect(Object.entries(rates).map(([key, row]) => [key, row.default])).toEqual([['lrEdgeWidth', 0.02]]);
  });

  it('is the default where its help says so', () => {
    const { description } = partNames.loss;
    expect(description).toContain('margin (default)');
  });
});
