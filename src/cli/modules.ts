/** Parts of a training that modules bring, on the command line: their names, and the options that they declare themselves. */
import { InvalidArgumentError } from 'commander';
import type { Declarations, OptionDeclaration, OptionValue } from '../graph/declarations.js';
import { complaint, flagOf } from '../graph/declarations.js';
import { losses } from '../graph/losses/index.js';
import type { LossDefinition } from '../graph/losses/loss.js';
import { optimizers } from '../graph/optimizers/index.js';
import { defaultLoss, defaultSampling } from '../graph/parts/parts.js';
import { samplings } from '../graph/samplings/index.js';
import { UserError } from '../runner/base/errors.js';
import { didYouMean } from '../graph/known-names.js';
import { moduleNamed } from '../runner/modules/fingerprint.js';
import type { LoadedModules, ModuleSources, PartKind } from '../runner/modules/kinds.js';
import { isModulePath, isOnnxPath, partKinds } from '../runner/modules/kinds.js';
import { parametersOf, rateKey } from '../runner/modules/loss-rates.js';
import type { OptionRow, OptionTable } from './options.js';
import { optional, toggle } from './options.js';
import type { Parser } from './parsers.js';
import { path } from './parsers.js';

/** A part that is here, by its name, or a module by its path. */
function partName(known: readonly string[]): Parser<string> {
  const parse: Parser<string> = (text) => {
    if (isModulePath(text)) return path(text);
    if (known.includes(text)) return text;
    const file = moduleNamed(text);
    throw new InvalidArgumentError(
      file === undefined
        ? `${didYouMean(text, known)}Known: ${known.join(', ')}. A module is given by its path: ./FILE.mjs.`
        : `Known: ${known.join(', ')}. Did you mean the module ./${file}?`,
    );
  };
  return Object.assign(parse, { known });
}

/** A backbone that is here, or an ONNX file. */
export function modelName(known: readonly string[]): Parser<string> {
  const named = partName(known);
  const parse: Parser<string> = (text) => {
    if (isOnnxPath(text)) return path(text);
    if (known.includes(text) || !isModulePath(text)) return named(text);
    throw new InvalidArgumentError(
      'An ONNX file ends in .onnx; a module that brings a backbone is given with --backbone.',
    );
  };
  return Object.assign(parse, { known });
}

/** `a (default), b` */
const names = (known: object, initial: string): string =>
  Object.keys(known)
    .map((name) => (name === initial ? `${name} (default)` : name))
    .join(', ');

export const backboneModule = {
  backbone: optional('file', 'module that brings the backbone, in place of --model', path),
};

export const partNames = {
  loss: optional('name', `loss: ${names(losses, defaultLoss)}, or a module`, partName(Object.keys(losses))),
  sampling: optional(
    'name',
    `sampling of tuples: ${names(samplings, defaultSampling)}, or a module`,
    partName(Object.keys(samplings)),
  ),
  otherModules: toggle('go on from a checkpoint although modules have changed since'),
};

export const optimizerName = partName(Object.keys(optimizers));

/** Modules to repeat a run with. */
export const runModules = Object.fromEntries(
  partKinds.map((kind) => [kind, optional('file', `the module that brought the run's ${kind}`, path)]),
) as Record<PartKind, OptionRow<string | undefined>>;

type Named = Partial<Record<PartKind | 'model', string | undefined>>;

/** The modules among the values of a command. */
export const moduleSources = ({ model, ...values }: Named): ModuleSources =>
  Object.fromEntries(
    partKinds.flatMap((kind) => {
      const file = kind === 'backbone' && model !== undefined && isOnnxPath(model) ? model : undefined;
      const given = values[kind] ?? file;
      return given !== undefined && (kind === 'backbone' || isModulePath(given)) ? [[kind, { path: given }]] : [];
    }),
  );

/** Modules to repeat a run with: every name is a path there. */
export const repeatedModules = (values: Named): ModuleSources =>
  Object.fromEntries(partKinds.flatMap((kind) => (values[kind] === undefined ? [] : [[kind, { path: values[kind] }]])));

/** The modules that the arguments of `dws train` name: their options have to be known before the arguments can be parsed. */
export function namedModules(args: readonly string[]): ModuleSources {
  if (args[0] !== 'train') return {};
  const given: Named = {};
  for (const kind of [...partKinds, 'model'] as const) {
    args.forEach((argument, i) => {
      if (argument === `--${kind}`) given[kind] = args[i + 1];
      if (argument.startsWith(`--${kind}=`)) given[kind] = argument.slice(`--${kind}=`.length);
    });
  }
  return moduleSources(given);
}

const truths: Record<string, boolean> = { true: true, false: false };

/** A declared option's text -> its value. */
function parserOf(declared: OptionDeclaration): Parser<OptionValue> {
  const read: Record<string, (text: string) => OptionValue> = {
    number: (text) => (text.trim() === '' ? NaN : Number(text)),
    boolean: (text) => truths[text] ?? text,
    string: (text) => text,
  };
  return (text) => {
    const value = read[typeof declared.default]!(text);
    const wanted = complaint(declared, value);
    if (wanted === undefined) return value;
    throw new InvalidArgumentError(`${didYouMean(text, declared.oneOf ?? [])}Give ${wanted}.`);
  };
}

function rowOf(declared: OptionDeclaration): OptionRow<OptionValue> {
  const { default: initial, description } = declared;
  if (initial === false) return toggle(description) as OptionRow<OptionValue>;
  const value = { number: 'number', string: 'text', boolean: 'true|false' }[typeof initial as 'number'];
  return { value, description, parse: parserOf(declared), default: initial };
}

const declaredRows = (options: Declarations): OptionTable =>
  Object.fromEntries(Object.entries(options).map(([key, declared]) => [key, rowOf(declared)]));

const rateRows = (loss: LossDefinition): OptionTable =>
  Object.fromEntries(
    parametersOf(loss).map(({ name, learningRate }): [string, OptionRow<OptionValue>] => [
      rateKey(name),
      rowOf({ description: `learning rate of ${name}`, default: learningRate, min: 0 }),
    ]),
  );

/**
 * Learning rates of the parameters of losses that are here, but for those that have a row of their own.
 *
 * @param rows of the options that the losses have
 */
export const otherRates = (known: Readonly<Record<string, LossDefinition>>, rows: OptionTable): OptionTable =>
  Object.fromEntries(
    Object.values(known)
      .flatMap((loss) => Object.entries(rateRows(loss)))
      .filter(([key]) => !Object.hasOwn(rows, key)),
  );

/** The options that modules declare, a table each. */
export function ownTables({ definitions, facts }: LoadedModules): Partial<Record<PartKind, OptionTable>> {
  const { loss } = definitions;
  const tables = partKinds.flatMap((kind) => {
    const definition = definitions[kind];
    return definition ? [[kind, declaredRows(definition.options)] as const] : [];
  });
  const own: Partial<Record<PartKind, OptionTable>> = Object.fromEntries(tables);
  if (!loss) return own;
  const rates = rateRows(loss);
  const twice = Object.keys(rates).find((key) => Object.hasOwn(own.loss!, key));
  if (twice !== undefined) {
    const { path: file } = facts.find(({ kind }) => kind === 'loss')!;
    throw new UserError(`${file}: ${flagOf(twice)} is the learning rate of a parameter: give the option another name`);
  }
  return { ...own, loss: { ...own.loss, ...rates } };
}

/** Options that every command has. */
const everywhere = ['help', 'version'];

/** @throws UserError for an option that a module declares and that is there already */
export function requireDistinct(
  { facts }: LoadedModules,
  own: Partial<Record<PartKind, OptionTable>>,
  others: readonly OptionTable[],
): void {
  const taken = new Set([...everywhere, ...others.flatMap((table) => Object.keys(table))]);
  for (const kind of partKinds) {
    for (const key of Object.keys(own[kind] ?? {})) {
      if (taken.has(key))
        throw new UserError(
          `${facts.find((one) => one.kind === kind)!.path}: ${flagOf(key)} is there already: give the option another name`,
        );
      taken.add(key);
    }
  }
}

/**
 * What there is to say of an option that a training with these modules does not have.
 *
 * @param own as of `ownTables`
 * @param left tables of the parts that are here and that modules have taken the place of
 */
export function unknownOptionAdvice(
  flag: string,
  { definitions, facts }: LoadedModules,
  own: Partial<Record<PartKind, OptionTable>>,
  left: Partial<Record<PartKind, readonly [name: string, table: OptionTable]>>,
): string | undefined {
  const name = flag.split('=')[0]!;
  const has = (table: OptionTable) => Object.keys(table).some((key) => flagOf(key) === name);
  const taken = partKinds.find((kind) => left[kind] && has(left[kind][1]));
  const belongs = taken && `It belongs to the ${taken} ${left[taken]![0]}, in whose place a module stands.`;
  const lists = facts.map(({ kind, path: file }) => {
    const flags = Object.keys(own[kind] ?? {}).map(flagOf);
    return `The ${kind} ${definitions[kind]!.name} of ${file} has ${flags.join(', ') || 'no options'}.`;
  });
  return [belongs, ...lists].filter(Boolean).join(' ') || undefined;
}

type Values = Readonly<Record<string, unknown>>;

export interface OwnOptions {
  backboneOptions?: Record<string, OptionValue>;
  lossOptions?: Record<string, OptionValue>;
  samplingOptions?: Record<string, OptionValue>;
  optimizerOptions?: Record<string, OptionValue>;
  lossRates?: Record<string, number>;
}

/**
 * Values that were given -> those of the modules' options, by the part that they belong to.
 *
 * @param rows of options that are none of these: of losses that are here
 */
export function ownOptions(values: Values, { definitions }: LoadedModules, rows: OptionTable): OwnOptions {
  const pick = (options: Declarations) =>
    Object.fromEntries(
      Object.keys(options)
        .filter((key) => values[key] !== undefined)
        .map((key) => [key, values[key] as OptionValue]),
    );
  const chosen = partKinds.flatMap((kind) => {
    const definition = definitions[kind];
    return definition ? [[`${kind}Options`, pick(definition.options)]] : [];
  });
  const { loss } = definitions;
  const rates = (loss ? [loss] : Object.values(losses)).flatMap(parametersOf).flatMap(({ name }) => {
    const key = rateKey(name);
    const rate = loss || !Object.hasOwn(rows, key) ? (values[key] as number | undefined) : undefined;
    return rate === undefined ? [] : [[name, rate] as const];
  });
  return {
    ...(Object.fromEntries(chosen) as OwnOptions),
    ...(rates.length > 0 && { lossRates: Object.fromEntries(rates) }),
  };
}

/** The keys that a command has for the options that modules declare. */
export const ownKeys = (modules: LoadedModules): string[] => Object.values(ownTables(modules)).flatMap(Object.keys);
