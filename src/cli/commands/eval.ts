import type { Command } from 'commander';
import type { Split } from '../../runner/data/folder.js';
import type { MetricsChoice } from '../../runner/evaluate.js';
import { evaluate } from '../../runner/evaluate.js';
import { deviceOptions } from '../device.js';
import { count, duration, evalStages, recallTable } from '../format.js';
import type { OptionValues } from '../options.js';
import { addExample, addOptions, withDefault } from '../options.js';
import { dataPath, device, inference } from '../option-tables.js';
import { oneOf } from '../parsers.js';
import { terminal } from '../terminal.js';

const metricsChoices: MetricsChoice[] = ['recall', 'all'];
const splits: Split[] = ['train', 'val'];

const own = {
  dataPath,
  split: withDefault('name', 'folder to evaluate: train, val', oneOf(splits), 'val'),
  metrics: withDefault(
    'which',
    'recall, or all: also precision_at_1, r_precision, mean_average_precision_at_r, NMI and AMI as in pytorch-metric-learning',
    oneOf(metricsChoices),
    'recall',
  ),
  ...inference,
};

export function addEval(program: Command): void {
  const command = program
    .command('eval')
    .description('Recall@k: how often one of the k nearest images is of the same class');
  addOptions(command, 'Options:', own);
  addOptions(command, 'Device:', device);
  addExample(command, 'dws eval --checkpoint runs/resnet18-0/best.safetensors --data-path data/icons');
  command.action(async (values: OptionValues<typeof own & typeof device>) => {
    const options = { ...values, ...deviceOptions(values) };
    const { recall, metrics, images, classes, skipped, seconds } = await evaluate(options, {
      onProgress: (stage, done, total) => terminal.status(`${evalStages[stage]} ${count(done)}/${count(total)}`),
    });
    terminal.print(recallTable(values.split, recall));
    for (const [name, value] of Object.entries(metrics ?? {})) terminal.print(`${name}  ${value.toFixed(4)}`);
    const left = skipped.length > 0 ? `, ${count(skipped.length)} left out` : '';
    terminal.print(`${count(images)} images of ${count(classes)} classes${left}, evaluated in ${duration(seconds)}`);
  });
}
