import type { Command } from 'commander';
import { searchTexts } from '../../runner/data/search-sets.js';
import type { Split } from '../../runner/data/folder.js';
import type { Evaluation, MetricsChoice } from '../../runner/evaluation/evaluate.js';
import { evaluate } from '../../runner/evaluation/evaluate.js';
import { passedOverNote } from '../../runner/data/passed-over.js';
import { evaluateDefaults } from '../../runner/options/defaults.js';
import { count, duration, evalStages, imagesText, recallTable } from '../format.js';
import { inferenceOptions } from '../inference-options.js';
import { untilInterrupted } from '../interrupt.js';
import type { OptionValues } from '../options.js';
import { addExample, addOptions, toggle, withDefault } from '../options.js';
import { dataPath, device, inference, ks, valSplit } from '../option-tables.js';
import { oneOf } from '../parsers.js';
import { terminal } from '../terminal.js';

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
};

function printEvaluation(
  { split, dataPath: folder }: { split: Split; dataPath: string },
  { recall, metrics, skipped, passedOver, notes, seconds, ...counts }: Evaluation,
): void {
  terminal.print(recallTable(split, recall));
  for (const [name, value] of Object.entries(metrics ?? {})) terminal.print(`${name}  ${value.toFixed(4)}`);
  for (const text of searchTexts(counts)) terminal.print(text);
  const note = passedOverNote(passedOver, folder);
  if (note !== undefined) terminal.print(note);
  for (const text of notes) terminal.print(`note: ${text}`);
  const used = imagesText({ ...counts, skipped: skipped.length });
  terminal.print(`${used}, evaluated in ${duration(seconds)}`);
}

export function addEval(program: Command): void {
  const command = program
    .command('eval')
    .description('Recall@k: how often one of the k nearest images is of the same class');
  addOptions(command, 'Options:', own);
  addOptions(command, 'Device:', device);
  addExample(command, 'dws eval --checkpoint runs/resnet18-0/best.safetensors --data-path data/icons');
  command.action(async ({ json, ...values }: OptionValues<typeof own & typeof device>) => {
    process.exitCode = await untilInterrupted(async (signal) => {
      const evaluation = await evaluate(inferenceOptions(values), {
        signal,
        onProgress: (stage, done, total) => terminal.status(`${evalStages[stage]} ${count(done)}/${count(total)}`),
      });
      if (json) terminal.print(JSON.stringify(evaluation, null, 2));
      else printEvaluation(values, evaluation);
    });
  });
}
