import { dirname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { loadCheckpoint } from '../../runner/checkpoint.js';
import { UserError } from '../../runner/errors.js';
import { requireFreshFolder } from '../../runner/fresh-folder.js';
import { newestCheckpoint } from '../../runner/newest-checkpoint.js';
import type { NanPolicy, RunOptions } from '../../runner/run-options.js';
import { train } from '../../runner/train.js';
import { deviceOptions } from '../device.js';
import { graphOptions } from '../graph-options.js';
import { onInterrupt } from '../interrupt.js';
import type { OptionValues } from '../options.js';
import { addExample, addOptions, optional, toggle, withDefault } from '../options.js';
import { batches, device, loss, network, optimization, pretrained, schedule, trainingData } from '../option-tables.js';
import { integer, number, oneOf, path, text } from '../parsers.js';
import { pretrainedSource } from '../pretrained.js';
import { takeRecordedOptions } from '../resumed.js';
import type { TrainView } from '../train-view.js';
import { jsonView, quietView, terminalView } from '../train-view.js';

const backbone = { ...network, ...pretrained };

const nanPolicies: NanPolicy[] = ['stop', 'skip', 'rollback'];

export const run = {
  out: optional(
    'dir',
    "folder for checkpoints and metrics (default: runs/MODEL-SEED, or the resumed checkpoint's)",
    path,
  ),
  resume: optional(
    'file',
    'checkpoint to go on from, with its options where none are given; auto: the newest whole one in --out, if there is one',
    text,
  ),
  savePrefix: withDefault('text', 'put before the names of checkpoint files', text, ''),
  keep: withDefault('n', 'finished epochs that keep a checkpoint of their own', integer({ min: 0 }), 0),
  printFreq: withDefault('n', 'steps between lines of progress', integer({ min: 1 }), 20),
  checkpointEvery: optional('n', 'steps between checkpoints within an epoch', integer({ min: 1 })),
  maxHours: optional('hours', 'stop with a checkpoint after so long', number({ above: 0 })),
  nanPolicy: withDefault(
    'policy',
    'where a loss is not finite: stop, skip (leave out the step), rollback (go back to the last checkpoint)',
    oneOf(nanPolicies),
    'stop',
  ),
  tensorboard: toggle("write TensorBoard's event files into --out"),
  stepsPerRun: optional('n', 'steps a call of ONNX Runtime (default: about a second of them)', integer({ min: 1 })),
};

const output = {
  quiet: toggle('print nothing but notes and errors, on stderr'),
  json: toggle('print every event as a line of JSON'),
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

/** The `--resume` that finds its checkpoint by itself. */
const AUTO = 'auto';

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
    resume: resume && resume !== AUTO ? resume : undefined,
    out: out ?? (resume && resume !== AUTO ? dirname(resume) : join('runs', `${values.model}-${values.seed}`)),
  };
}

function viewOf({ quiet, json }: OptionValues<typeof output>, options: RunOptions): TrainView {
  if (quiet && json) throw new UserError('--quiet with --json: give one of them.');
  if (json) return jsonView(process.stdout);
  return quiet ? quietView(process.stderr) : terminalView(options);
}

/** Trains, and returns the program's exit code. */
async function trainInView(options: RunOptions, view: TrainView): Promise<number> {
  const interrupt = onInterrupt(() => view.note('stopping with a checkpoint; Ctrl-C again ends at once, without'));
  const stopped = () => interrupt.exitCode() ?? 0;
  try {
    const result = await train(options, { onEvent: (event) => view.handle(event), signal: interrupt.signal });
    view.finish(result);
    return result.status === 'interrupted' ? stopped() : 0;
  } catch (error) {
    if (interrupt.signal.aborted && error === interrupt.signal.reason) return stopped();
    view.fail(error);
    throw error;
  } finally {
    interrupt.release();
  }
}

/** The checkpoint to go on from, if any, and what there is to say of it. */
async function checkpointOf({ resume }: Values, { out, savePrefix }: RunOptions) {
  const notes: string[] = [];
  if (!resume) return { checkpoint: undefined, notes };
  if (resume !== AUTO) return { checkpoint: await loadCheckpoint(resume), notes };
  const { checkpoint, damaged } = await newestCheckpoint(out, savePrefix);
  notes.push(...damaged);
  if (!checkpoint) notes.push(`no ${damaged.length > 0 ? 'whole ' : ''}checkpoint in ${out}: training from the start`);
  else if (damaged.length > 0) notes.push(`going on from ${checkpoint.path} (step ${checkpoint.metadata.step})`);
  return { checkpoint, notes };
}

export function addTrain(program: Command): void {
  const command = program.command('train').description('train an embedding on a folder of images');
  addOptions(command, 'Data:', trainingData);
  addOptions(command, 'Network:', backbone);
  addOptions(command, 'Batches:', batches);
  addOptions(command, 'Loss:', loss);
  addOptions(command, 'Optimization:', { ...optimization, ...schedule });
  addOptions(command, 'Run:', { ...run, ...output });
  addOptions(command, 'Device:', device);
  addExample(
    command,
    'dws train --data-path data/icons --model resnet18 --image-size 64 --batch-size 80 --optimizer adam --lr 3e-4',
  );
  command.action(async (given: Values) => {
    const first = runOptions(given);
    // `given` is the command's own object, and changes with it.
    const isAuto = given.resume === AUTO;
    const { checkpoint, notes } = await checkpointOf(given, first);
    command.setOptionValue('resume', checkpoint?.path);
    if (isAuto) command.setOptionValue('out', first.out);
    if (checkpoint) {
      const taken = takeRecordedOptions(command, checkpoint);
      if (taken.length > 0) notes.push(`from ${checkpoint.path}: ${taken.join(' ')}`);
    }
    const { quiet, json, ...values } = command.opts<Values & OptionValues<typeof output>>();
    const options = runOptions(values);
    const goesOnInPlace = checkpoint !== undefined && resolve(dirname(checkpoint.path)) === resolve(options.out);
    if (!goesOnInPlace && !isAuto) requireFreshFolder(options.out, options.savePrefix);
    const view = viewOf({ quiet, json }, options);
    for (const note of notes) view.note(note);
    process.exitCode = await trainInView(options, view);
  });
}
