/** What is another thing than it was: options, facts, graphs, data. */
import { recordedChoices, toldOptions, unrecorded } from '../options/unrecorded.js';
import { recordedNormalization, recordedPixels } from '../options/recorded-pixels.js';
import { differingOptions } from '../options/shown-options.js';
import { recordedModules } from '../checkpoints/own-parts.js';
import type { PartKind } from '../modules/kinds.js';
import { printableName } from '../base/printable-name.js';
import { mostRecordedDigits } from '../training/initial-weights.js';
import type { Facts } from './facts.js';
import { factTable } from './facts.js';
import { optionTable } from './options.js';
import type { Segment } from './record.js';

/** Something that is another thing than at another run. */
export interface Change {
  /** For people: `--lr`, `ONNX Runtime`, `train_loop.onnx`. */
  name: string;
  was: string;
  now: string;
  /** Whether the numbers can't be expected to be the same bits. */
  decides: boolean;
  /** One by one, where it is many things. */
  details?: string[];
}

const shown = (value: unknown): string => {
  if (value === undefined) return 'not given';
  return printableName(typeof value === 'object' ? JSON.stringify(value) : String(value));
};

type Values = Readonly<Record<string, unknown>>;

/** @param keys of both */
function changedValues(was: Values, now: Values, keys: readonly string[], decides: (key: string) => boolean): Change[] {
  return differingOptions(toldOptions(was), toldOptions(now), keys).map((one) => ({
    ...{ name: one.flag, was: shown(one.was), now: shown(one.now) },
    decides: decides(one.key),
  }));
}

/** Filled in from the model or the data unless they are given. */
const filledIn = new Set(['classes', 'batchNum', 'dropout']);

/** Where the files are is no option of a training. */
const places = new Set(['out', 'resume', 'savePrefix']);

/** Options of two runs, in the order of the table. */
export const changedOptions = (was: Segment, now: Segment): Change[] => {
  const [a, b]: Values[] = [{ ...was.options }, { ...now.options }];
  const [usedByA, usedByB]: Values[] = [was, now].map(({ hyperparameters: { training, run } }) => ({
    ...training,
    ...run,
  }));
  // One that was filled in is given to a run that goes on.
  const isSame = (key: string) => filledIn.has(key) && (a![key] ?? usedByA![key]) === (b![key] ?? usedByB![key]);
  return changedValues(
    a!,
    b!,
    Object.keys(optionTable).filter((key) => !places.has(key) && !isSame(key)),
    (key) => optionTable[key as keyof typeof optionTable].decides,
  );
};

/** What an option is where it is not given, or called, as checkpoints record it. */
function asRecorded({ options }: Segment): Values {
  const { device, nanPolicy, precision, deterministic, ...rest } = options;
  const named = { provider: device, nanPolicy, ...recordedChoices({ device, precision, deterministic }) };
  return { ...rest, ...named, ...recordedPixels(options), ...recordedNormalization(options) };
}

/** Follow from other options, or are told as data or weights. */
const derived = new Set(['learnBeta', 'skipNotFinite', 'images', 'initialWeights']);

/** Follow from a part's module, which is told by its fingerprint. */
const ofModule: Record<PartKind, readonly string[]> = {
  backbone: ['model', 'backboneOptions', 'imageSize'],
  loss: ['loss', 'lossOptions', 'lossRates', 'lrBeta', 'learnBeta'],
  sampling: ['sampling', 'samplingOptions'],
  optimizer: ['optimizer', 'optimizerOptions'],
};

/** Not recorded where they are what they were before there was a choice. */
const leftOut = new Set(['clipNorm', 'microBatch', 'resizeTo', 'syncEvery', ...Object.keys(unrecorded)]);

/** Options of a run that are not those which decided its numbers, as it or its checkpoints record them: somebody has edited one. */
export function editedOptions(segment: Segment, { training, run }: Segment['hyperparameters']): Change[] {
  const recorded: Values = { ...training, ...run };
  const options = asRecorded(segment);
  const own = Object.keys(recordedModules(run)) as PartKind[];
  const told = new Set(['modules', 'otherModules', ...own.flatMap((kind) => ofModule[kind])]);
  const keys = Object.keys(optionTable)
    .map((key) => (key === 'device' ? 'provider' : key))
    .filter((key) => key in recorded || leftOut.has(key))
    .filter((key) => !derived.has(key) && !told.has(key) && !(filledIn.has(key) && options[key] === undefined));
  return changedValues(recorded, options, keys, () => true);
}

/** What checkpoints record of two runs. */
export function changedHyperparameters(was: Segment['hyperparameters'], now: Segment['hyperparameters']): Change[] {
  const [a, b]: Values[] = [was, now].map(({ training, run }) => ({ ...training, ...run }));
  const keys = [...new Set([...Object.keys(a!), ...Object.keys(b!)])].filter((key) => !derived.has(key));
  return changedValues(a!, b!, keys, () => true);
}

export const changedFacts = (was: Facts, now: Facts): Change[] =>
  (Object.keys(factTable) as (keyof Facts)[])
    .filter((name) => was[name] !== now[name])
    .map((name) => {
      const { label, decides } = factTable[name];
      return { name: label, was: was[name], now: now[name], decides };
    });

/** Of a file that has changed, for people. */
export const digits = (sha256: string): string => sha256.slice(0, 12);

export const changedFile = (name: string, was: string, now: string): Change[] =>
  was === now ? [] : [{ name, was: digits(was), now: digits(now), decides: true }];

/** @param details what may be the cause */
export const changedArtifacts = (
  was: Segment['artifacts'],
  now: Segment['artifacts'],
  details: readonly string[] = [],
): Change[] =>
  (Object.keys(was) as (keyof Segment['artifacts'] & string)[])
    .flatMap((name) => changedFile(name, was[name], now[name]))
    .map((change) => (details.length > 0 ? { ...change, details: [...details] } : change));

/** @param details what happened to each file, where that is known */
export function changedData(was: Segment['data'], now: Segment['data'], details?: string[]): Change[] {
  if (was?.sha256 === now?.sha256) return [];
  const text = (data: Segment['data']) =>
    data === null ? 'not hashed' : `${data.train} + ${data.val} images, ${digits(data.sha256)}`;
  const decides = was !== null && now !== null;
  return [{ name: 'data', was: text(was), now: text(now), decides, ...(details && { details }) }];
}

/** @param now the digits of the pretrained weights' SHA-256 that are known; the record has as many or more, or fewer */
export function changedWeights({ hyperparameters }: Segment, now: string | undefined): Change[] {
  const was = hyperparameters.run['initialWeights'];
  if (was === now || (now !== undefined && (String(was).startsWith(now) || now.startsWith(String(was))))) return [];
  return [
    {
      name: 'pretrained weights',
      was: shown(was ?? 'none'),
      now: shown(now?.slice(0, mostRecordedDigits) ?? 'none'),
      decides: true,
    },
  ];
}

/** The same thing found twice is told once. */
export const distinct = (changes: readonly Change[]): Change[] => {
  const seen = new Map(changes.map((change) => [JSON.stringify([change.name, change.was, change.now]), change]));
  return [...seen.values()];
};
