import type { Command } from 'commander';
import { UserError } from '../../runner/base/errors.js';
import { planPrepared } from '../../runner/jobs/plan-training.js';
import { prepareTraining } from '../../runner/jobs/prepare-training.js';
import { trainPrepared } from '../../runner/jobs/train.js';
import type { RunOptions } from '../../runner/options/run-options.js';
import type { TrainOptions } from '../../runner/options/train-options.js';
import type { TrainEvent } from '../../runner/training/events.js';
import { isProgress, stoppingText } from '../../runner/training/events.js';
import { count } from '../format.js';
import { deviceOptions } from '../device.js';
import { onInterrupt } from '../interrupt.js';
import { outputIsAside } from '../output.js';
import type { OptionValues } from '../options.js';
import { addExample, addOptions, adviseOnUnknown, requireOption } from '../options.js';
import { loss as lossTable, sampling as samplingTable } from '../option-tables.js';
import { backboneModule, ownKeys, ownOptions, ownTables, requireDistinct, unknownOptionAdvice } from '../modules.js';
import type { LoadedModules } from '../../runner/modules/kinds.js';
import { isModulePath } from '../../runner/modules/kinds.js';
import { lacksRoom, planText } from '../plan-report.js';
import { pretrainedSource } from '../pretrained.js';
import { terminal } from '../terminal.js';
import type { TrainValues } from '../train-options.js';
import { lossRates, output, tablesBeside, trainGroups } from '../train-options.js';
import type { TrainView } from '../train-view.js';
import { jsonView, quietView, terminalView } from '../train-view.js';

/** What the command line gives, by the names that options have in the runner. */
function givenOptions(command: Command, modules: LoadedModules): TrainOptions {
  const all = command.opts<TrainValues>();
  const given = Object.entries(all).filter(([key]) => command.getOptionValueSource(key) === 'cli');
  const aside = [output, backboneModule, lossRates].flatMap(Object.keys);
  const others = new Set([...ownKeys(modules), ...aside]);
  const values = Object.fromEntries(given.filter(([key]) => !others.has(key))) as Partial<TrainValues>;
  const { usePretrained, weights, weightsAt, pretrained: file, device: name, gpus, threads, wd, ...rest } = values;
  const { loss, sampling, optimizer } = rest;
  const named = (part: string | undefined) => (part !== undefined && isModulePath(part) ? undefined : part);
  return {
    ...rest,
    ...ownOptions(Object.fromEntries(given), modules, lossTable),
    weightDecay: wd,
    loss: named(loss),
    sampling: named(sampling),
    optimizer: named(optimizer),
    // What is trained with is what has been loaded.
    modules: Object.fromEntries(modules.facts.map(({ kind, path: file, sha256 }) => [kind, { path: file, sha256 }])),
    pretrained: pretrainedSource({ usePretrained: usePretrained ?? false, weights, pretrained: file, weightsAt }),
    // Else a run that is resumed goes on where it was.
    ...((name !== undefined || gpus !== undefined) &&
      deviceOptions({ device: name, gpus: gpus ?? '', threads: all.threads })),
    threads,
  };
}

function viewOf({ quiet, json }: Omit<OptionValues<typeof output>, 'plan'>, options: RunOptions): TrainView {
  if (quiet && json) throw new UserError('--quiet with --json: give one of them.');
  if (json) return jsonView(process.stdout);
  return quiet ? quietView(process.stderr) : terminalView(options);
}

/** Trains, and returns the program's exit code. */
async function trainInView(options: RunOptions, view: TrainView): Promise<number> {
  let isBegun = false;
  const interrupt = onInterrupt(() => {
    view.note(`${stoppingText(isBegun, options.resume)}; Ctrl-C again ends at once${isBegun ? ', without' : ''}`);
  });
  const stopped = () => interrupt.exitCode() ?? 0;
  const onEvent = (event: TrainEvent) => {
    isBegun ||= isProgress(event);
    view.handle(event);
  };
  outputIsAside();
  try {
    const result = await trainPrepared(options, { onEvent, signal: interrupt.signal });
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

export function addTrain(program: Command, modules: LoadedModules): void {
  const own = ownTables(modules);
  requireDistinct(modules, own, tablesBeside(own));
  const command = program.command('train').description('train an embedding on a folder of images');
  const { loss: lossModule } = modules.definitions;
  for (const [heading, table] of trainGroups(own)) addOptions(command, `${heading}:`, table);
  adviseOnUnknown(command, (flag) =>
    unknownOptionAdvice(flag, modules, own, {
      ...(lossModule && { loss: ['margin', lossTable] as const }),
      ...((lossModule ?? modules.definitions.sampling) && { sampling: ['distance-weighted', samplingTable] as const }),
    }),
  );
  addExample(
    command,
    'dws train --data-path data/icons --model resnet18 --image-size 64 --batch-size 80 --optimizer adam --lr 3e-4',
  );
  command.action(async ({ quiet, json, plan }: OptionValues<typeof output>) => {
    const given = givenOptions(command, modules);
    if (given.resume === undefined) requireOption(command, 'dataPath');
    const { options, notes } = await prepareTraining(given);
    if (plan) {
      const onEvent = (event: TrainEvent) => {
        if (event.kind === 'check-progress')
          terminal.status(`checking images of ${event.split} ${count(event.done)}/${count(event.total)}`);
        if (event.kind === 'note') notes.push(event.message);
      };
      const forecast = await planPrepared(options, { onEvent });
      terminal.print(json ? JSON.stringify({ ...forecast, notes }) : planText(forecast, notes));
      if (lacksRoom(forecast)) process.exitCode = 1;
      return;
    }
    const view = viewOf({ quiet, json }, options);
    for (const note of notes) view.note(note);
    process.exitCode = await trainInView(options, view);
  });
}
