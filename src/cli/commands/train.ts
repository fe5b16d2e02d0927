import type { Command } from 'commander';
import type { TrainOptions } from '../../runner/options/train-options.js';
import { deviceOptions, listedGpus } from '../device.js';
import type { OptionValues } from '../options.js';
import { addExample, addOptions, adviseOnUnknown, requireOption } from '../options.js';
import { loss as lossTable, sampling as samplingTable } from '../option-tables.js';
import { backboneModule, ownKeys, ownOptions, ownTables, requireDistinct, unknownOptionAdvice } from '../modules.js';
import { placeOfProcess } from '../../runner/ranks/place.js';
import type { LoadedModules } from '../../runner/modules/kinds.js';
import { isModulePath } from '../../runner/modules/kinds.js';
import { pretrainedSource } from '../pretrained.js';
import type { TrainValues } from '../train-options.js';
import { lossRates, output, tablesBeside, trainGroups } from '../train-options.js';

/** What the command line gives, by the names that options have in the runner. */
function givenOptions(command: Command, modules: LoadedModules): TrainOptions {
  const all = command.opts<TrainValues>();
  const given = Object.entries(all).filter(([key]) => command.getOptionValueSource(key) === 'cli');
  const aside = [output, backboneModule, lossRates].flatMap(Object.keys);
  const others = new Set([...ownKeys(modules), ...aside]);
  const values = Object.fromEntries(given.filter(([key]) => !others.has(key))) as Partial<TrainValues>;
  const { usePretrained, weights, weightsAt, pretrained: file, device: name, gpus, threads, wd, ...rest } = values;
  const { model, loss, sampling, optimizer } = rest;
  const gpuCount = listedGpus(gpus ?? '').length;
  // Whether its ranks can meet depends on the device, which may be that of a run that goes on.
  const place = placeOfProcess(process.env, 'NCCL');
  const named = (part: string | undefined) => (part !== undefined && isModulePath(part) ? undefined : part);
  return {
    ...rest,
    ...ownOptions(Object.fromEntries(given), modules, lossTable),
    weightDecay: wd,
    model: named(model),
    loss: named(loss),
    sampling: named(sampling),
    optimizer: named(optimizer),
    // What is trained with is what has been loaded.
    modules: Object.fromEntries(modules.facts.map(({ kind, path: file, sha256 }) => [kind, { path: file, sha256 }])),
    pretrained: pretrainedSource({ usePretrained: usePretrained ?? false, weights, pretrained: file, weightsAt }),
    // Else a run that is resumed goes on where it was.
    ...((name !== undefined || gpus !== undefined) &&
      deviceOptions({ device: name, gpus: gpus ?? '', threads: all.threads }, place?.localRank ?? 0)),
    threads,
    ranks: rest.ranks ?? (place === undefined && gpuCount > 1 ? gpuCount : undefined),
  };
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
  command.action(async (shown: OptionValues<typeof output>) => {
    const given = givenOptions(command, modules);
    if (given.resume === undefined) requireOption(command, 'dataPath');
    const { train } = await import('../actions/train.js');
    await train(given, shown);
  });
}
