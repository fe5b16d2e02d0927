import type { Command } from 'commander';
import type { Split } from '../../runner/data/folder.js';
import type { MetricsChoice } from '../../runner/evaluation/evaluate.js';
import { evaluateDefaults } from '../../runner/options/defaults.js';
import type { OptionValues } from '../options.js';
import { addExample, addOptions, toggle, withDefault } from '../options.js';
import { dataPath, device, inference, ks, ranks, valSplit } from '../option-tables.js';
import { oneOf } from '../parsers.js';
import { givenThreads } from '../ranks.js';

const metricsChoices: MetricsChoice[] = ['recall', 'all'];
const splits: Split[] = ['train', 'val'];

const own = {
  dataPath,
  valSplit: { ...valSplit, description: `${valSplit.description} (default: as in the training)` },
  split: withDefault('name', 'folder to evaluate: train, val', oneOf(splits), evaluateDefaults.split),
  metrics: withDefault(
    'which',
    'recall, or all: also precision_at_1, r_precision, mean_average_precision_at_r, NMI and AMI as in pytorch-metric-learning',
    oneOf(metricsChoices),
    evaluateDefaults.metrics,
  ),
  ks,
  json: toggle('print everything as JSON'),
  ...inference,
  ...ranks,
};

export function addEval(program: Command): void {
  const command = program
    .command('eval')
    .description('Recall@k: how often one of the k nearest images is of the same class');
  addOptions(command, 'Options:', own);
  addOptions(command, 'Device:', device);
  addExample(command, 'dws eval --checkpoint runs/resnet18-0/best.safetensors --data-path data/icons');
  command.action(async (values: OptionValues<typeof own & typeof device>) => {
    const { evaluateCheckpoint } = await import('../actions/eval.js');
    process.exitCode = await evaluateCheckpoint({ ...values, threads: givenThreads(command) });
  });
}
