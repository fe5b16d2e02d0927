import { dirname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { loadCheckpoint } from '../../runner/checkpoint.js';
import { requireFreshFolder } from '../../runner/fresh-folder.js';
import type { RunOptions } from '../../runner/run-options.js';
import { train } from '../../runner/train.js';
import { deviceOptions } from '../device.js';
import { graphOptions } from '../graph-options.js';
import { onInterrupt } from '../interrupt.js';
import type { OptionValues } from '../options.js';
import { addExample, addOptions, optional, withDefault } from '../options.js';
import { batches, device, loss, network, optimization, pretrained, schedule, trainingData } from '../option-tables.js';
import { integer, path, text } from '../parsers.js';
import { pretrainedSource } from '../pretrained.js';
import { takeRecordedOptions } from '../resumed.js';
import { terminal } from '../terminal.js';
import { TrainProgress } from '../train-progress.js';

const backbone = { ...network, ...pretrained };

const run = {
  out: optional(
    'dir',
    "folder for checkpoints and metrics (default: runs/MODEL-SEED, or the resumed checkpoint's)",
    path,
  ),
  resume: optional('file', 'checkpoint to go on from, with its options where none are given', text),
  savePrefix: withDefault('text', 'put before the names of checkpoint files', text, ''),
  keep: withDefault('n', 'finished epochs that keep a checkpoint of their own', integer({ min: 0 }), 0),
  printFreq: withDefault('n', 'steps between lines of progress', integer({ min: 1 }), 20),
  stepsPerRun: optional('n', 'steps a call of ONNX Runtime (default: about a second of them)', integer({ min: 1 })),
};

type Values = OptionValues<
  typeof trainingData &
    typeof backbone &
    typeof batches &
    typeof loss &
    typeof optimization &
    typeof schedule &
    typeof run &
    typeof device
>;

function runOptions(values: Values): RunOptions {
  const {
    usePretrained,
    weights,
    pretrained: file,
    device: name,
    gpus,
    threads,
    resume,
    out,
    ...rest
  } = graphOptions(values);
  return {
    ...rest,
    pretrained: pretrainedSource({ usePretrained, weights, pretrained: file }),
    ...deviceOptions({ device: name, gpus, threads }),
    resume: resume || undefined,
    out: out ?? (resume ? dirname(resume) : join('runs', `${values.model}-${values.seed}`)),
  };
}

/** Trains, and returns the program's exit code. */
async function trainOnTerminal(options: RunOptions): Promise<number> {
  const progress = new TrainProgress(terminal, options);
  const interrupt = onInterrupt(() => terminal.print('stopping with a checkpoint; Ctrl-C again ends at once, without'));
  const stopped = () => interrupt.exitCode() ?? 0;
  try {
    const result = await train(options, { onEvent: progress.handle, signal: interrupt.signal });
    progress.finish(result);
    return result.status === 'interrupted' ? stopped() : 0;
  } catch (error) {
    if (interrupt.signal.aborted && error === interrupt.signal.reason) return stopped();
    throw error;
  } finally {
    terminal.clear();
    interrupt.release();
  }
}

export function addTrain(program: Command): void {
  const command = program.command('train').description('train an embedding on a folder of images');
  addOptions(command, 'Data:', trainingData);
  addOptions(command, 'Network:', backbone);
  addOptions(command, 'Batches:', batches);
  addOptions(command, 'Loss:', loss);
  addOptions(command, 'Optimization:', { ...optimization, ...schedule });
  addOptions(command, 'Run:', run);
  addOptions(command, 'Device:', device);
  addExample(
    command,
    'dws train --data-path data/icons --model resnet18 --image-size 64 --batch-size 80 --optimizer adam --lr 3e-4',
  );
  command.action(async (given: Values) => {
    const { resume } = runOptions(given);
    if (resume !== undefined) {
      const taken = takeRecordedOptions(command, await loadCheckpoint(resume));
      if (taken.length > 0) terminal.print(`from ${resume}: ${taken.join(' ')}`);
    }
    const options = runOptions(command.opts<Values>());
    const goesOnInPlace = resume !== undefined && resolve(dirname(resume)) === resolve(options.out);
    if (!goesOnInPlace) requireFreshFolder(options.out, options.savePrefix);
    process.exitCode = await trainOnTerminal(options);
  });
}
