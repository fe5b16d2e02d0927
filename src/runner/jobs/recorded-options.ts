/** A resumed training goes on with the options of its checkpoint, but for those that are given anew. */
import type { OptionValue } from '../../graph/declarations.js';
import type { Definitions } from '../../graph/parts/parts.js';
import type { Checkpoint } from '../checkpoints/checkpoint.js';
import { partKinds, partOptions } from '../modules/kinds.js';
import { parametersOf } from '../modules/loss-rates.js';
import { designedImageSize, runDefaults } from '../options/defaults.js';
import { requireLayout, resolveDropout } from '../options/network.js';
import { unrecordedPixels } from '../options/recorded-pixels.js';
import { flagOf, isRecordedOption } from '../options/rules.js';
import type { OwnName } from '../options/shown-options.js';
import { isOwnName, ownFlag } from '../options/shown-options.js';
import type { RunOptions } from '../options/run-options.js';

type Values = Readonly<Record<string, OptionValue>>;

/** The options that modules declare, and the learning rates of their losses: a record of values each. */
export interface OwnValues {
  backboneOptions?: Values;
  lossOptions?: Values;
  lossRates?: Readonly<Record<string, number>>;
  samplingOptions?: Values;
  optimizerOptions?: Values;
}

/** What the options of modules are where none is given. */
export function ownDefaults(definitions: Definitions): OwnValues {
  const declared = partKinds.flatMap((kind) => {
    const definition = definitions[kind];
    if (!definition) return [];
    const values = Object.entries(definition.options).map(([key, { default: initial }]) => [key, initial] as const);
    return [[`${kind}Options`, Object.fromEntries(values)] as const];
  });
  const rates = definitions.loss ? parametersOf(definitions.loss) : [];
  return {
    ...Object.fromEntries(declared),
    ...(rates.length > 0 && { lossRates: Object.fromEntries(rates.map((one) => [one.name, one.learningRate])) }),
  };
}

/** The classes are the data's; with other data, an error about the checkpoint is the right one. */
const notTaken = ['classes', 'modules'];

/** What options would be without the checkpoint, where that follows from the model. */
function followingDefaults({ metadata }: Checkpoint, definitions: Definitions): Partial<RunOptions> {
  const { options } = metadata;
  const dropout = resolveDropout({ model: options.model }, requireLayout(options, definitions));
  return { dropout, ...(!definitions.backbone && { imageSize: designedImageSize(options.model) }) };
}

const shown = (flag: string, value: unknown): string => (value === true ? flag : `${flag} ${String(value)}`);

/**
 * The options of a checkpoint's training, but for those that are given.
 *
 * @param definitions the modules that the checkpoint was made with, loaded
 * @returns the options, and those of them that would be others without the checkpoint as the command line takes them: `--model resnet18`
 */
export function recordedOptions(
  given: Partial<RunOptions>,
  checkpoint: Checkpoint,
  definitions: Definitions = {},
): { options: Partial<RunOptions>; taken: string[] } {
  const { metadata } = checkpoint;
  const recorded: Record<string, unknown> = {
    ...metadata.options,
    ...unrecordedPixels,
    ...metadata.runOptions,
    seed: metadata.seed,
  };
  const own = ownDefaults(definitions);
  const defaults: Record<string, unknown> = { ...runDefaults, ...followingDefaults(checkpoint, definitions) };
  const parts: string[] = partKinds.filter((kind) => given.modules?.[kind]).map((kind) => partOptions[kind]);
  const taken: string[] = [];

  const takeOwn = (name: OwnName): Values | undefined => {
    const declared = own[name];
    const values = Object.entries((recorded[name] ?? {}) as Values).filter(
      ([key]) => declared && Object.hasOwn(declared, key) && given[name]?.[key] === undefined,
    );
    for (const [key, value] of values) {
      if (value !== declared![key]) taken.push(shown(ownFlag(name, key), value));
    }
    return values.length > 0 ? Object.fromEntries(values) : undefined;
  };
  const take = (key: keyof typeof runDefaults): unknown => {
    const value = recorded[key];
    // Nothing else: a file must not choose what is read and where is written.
    if (!isRecordedOption(key) || notTaken.includes(key) || parts.includes(key)) return undefined;
    if (value === undefined || given[key] !== undefined) return undefined;
    if (String(value) !== String(defaults[key])) taken.push(shown(flagOf(key), value));
    return value;
  };

  const names = Object.keys(runDefaults) as (keyof typeof runDefaults)[];
  const options = names
    .map((key) => [key, isOwnName(key) ? takeOwn(key) : take(key)] as const)
    .filter(([, value]) => value !== undefined);
  return { options: Object.fromEntries(options), taken };
}
