/** A run's options one by one, each by the flag that people know it by: for notes, differences and reports. */
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Declarations } from '../../graph/declarations.js';
import { losses } from '../../graph/losses/index.js';
import { samplings } from '../../graph/samplings/index.js';
import { printableName } from '../base/printable-name.js';
import { shortHash } from '../base/short-hash.js';
import type { PartKind } from '../modules/kinds.js';
import { parseLabel, partKinds, partOptions } from '../modules/kinds.js';
import { parametersOf, rateKey } from '../modules/loss-rates.js';
import { flagOf } from './rules.js';

type Values = Readonly<Record<string, unknown>>;

export interface ShownOption {
  /** The key in `RunOptions` or in what a checkpoint records; of an option that a module declares, the record that holds it. */
  key: string;
  flag: string;
  value: unknown;
}

export const ownNames = ['backboneOptions', 'lossOptions', 'lossRates', 'samplingOptions', 'optimizerOptions'] as const;
export type OwnName = (typeof ownNames)[number];

export const isOwnName = (key: string): key is OwnName => (ownNames as readonly string[]).includes(key);

/** How the command line calls an option of a module. */
export const ownFlag = (name: OwnName, key: string): string => flagOf(name === 'lossRates' ? rateKey(key) : key);

const declaredBy = (definitions: Readonly<Record<string, { options: Declarations }>>): string[] =>
  Object.values(definitions).flatMap(({ options }) => Object.keys(options));
const rateKeys = Object.values(losses).flatMap((loss) => parametersOf(loss).map(({ name }) => rateKey(name)));

/** Options of the parts that are here, which say nothing of a run with a module in their place. */
const ofPart: Partial<Record<PartKind, readonly string[]>> = {
  loss: [...declaredBy(losses), ...rateKeys, ...declaredBy(samplings)],
  sampling: declaredBy(samplings),
};

const isObject = (value: unknown): value is Values =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The modules of a run by their parts, in words: from `{ loss: { path, sha256 } }`, or a checkpoint's `['loss:0123...']`. */
function modulesOf(values: Values): Partial<Record<PartKind, string>> {
  const { modules } = values;
  const nameOf = (kind: PartKind): string => {
    const name = values[partOptions[kind]];
    return typeof name === 'string' ? printableName(name) : 'a module';
  };
  if (Array.isArray(modules)) {
    const labels = modules.flatMap((label: unknown) => parseLabel(label) ?? []);
    return Object.fromEntries(
      labels.map((label) => [label.kind, `${nameOf(label.kind)} (SHA-256 ${label.digits}...)`]),
    );
  }
  if (!isObject(modules)) return {};
  const found = partKinds.flatMap((kind) => {
    const source = modules[kind];
    if (!isObject(source)) return [];
    const file = printableName(path.basename(String(source['path'])));
    const hash = typeof source['sha256'] === 'string' ? `, SHA-256 ${shortHash(source['sha256'])}...` : '';
    return [[kind, `${nameOf(kind)} (${file}${hash})`] as const];
  });
  return Object.fromEntries(found);
}

/**
 * Options as the command line would have them: those of modules one by one, `--loss` and so on with the module that brings the
 * part, and nothing of what a module has taken the place of.
 *
 * @param values of a run, or as a checkpoint records them
 */
export function shownOptions(values: Values, keys: readonly string[] = Object.keys(values)): ShownOption[] {
  const modules = modulesOf(values);
  const kinds = Object.keys(modules) as PartKind[];
  const hidden = new Set<string>(kinds.flatMap((kind) => [partOptions[kind], ...(ofPart[kind] ?? [])]));
  return keys.flatMap((key): ShownOption[] => {
    const value = values[key];
    if (key === 'modules') return kinds.map((kind) => ({ key, flag: `--${kind}`, value: modules[kind] }));
    if (value === undefined || hidden.has(key)) return [];
    if (!isOwnName(key) || !isObject(value)) return [{ key, flag: flagOf(key), value }];
    return Object.keys(value)
      .sort()
      .map((own) => ({ key, flag: ownFlag(key, own), value: value[own] }));
  });
}

export interface ChangedOption {
  key: string;
  flag: string;
  was: unknown;
  now: unknown;
}

/** What is another value in two runs, whatever the order in which they say it; undefined for an option that one has not. */
export function differingOptions(was: Values, now: Values, keys: readonly string[]): ChangedOption[] {
  const [before, after] = [was, now].map((values) => shownOptions(values, keys)) as [ShownOption[], ShownOption[]];
  const same = (one: ShownOption) => (other: ShownOption) => other.key === one.key && other.flag === one.flag;
  const all = keys.flatMap((key) => {
    const here = before.filter((one) => one.key === key);
    return [...here, ...after.filter((one) => one.key === key && !here.some(same(one)))];
  });
  return all
    .map((one) => ({
      ...{ key: one.key, flag: one.flag },
      was: before.find(same(one))?.value,
      now: after.find(same(one))?.value,
    }))
    .filter((one) => !isDeepStrictEqual(one.was, one.now));
}
