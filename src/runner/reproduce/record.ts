/** `run.json`: what a training was, so that it can be repeated and compared. */
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { TrainingOptions } from '../../graph/options.js';
import { parseRunOptions } from '../options/plan.js';
import { parseRecorded, requireRunRules } from '../options/rules.js';
import { recordedModules } from '../checkpoints/own-parts.js';
import type { PartKind } from '../modules/kinds.js';
import { partKinds, partOptions } from '../modules/kinds.js';
import { UserError } from '../base/errors.js';
import { fileError, readText } from '../base/files.js';
import { dataNow } from './data-place.js';
import { factTable } from './facts.js';
import { runOptions } from './options.js';
import type { Check, Checked } from '../base/shape.js';
import {
  count,
  declaredValues,
  fields,
  fileName,
  line,
  listOf,
  mapOf,
  number,
  oneOf,
  optional,
  orNull,
  pathText,
  sha256,
  ShapeError,
  text,
  word,
} from '../base/shape.js';

export const RECORD = 'run.json';
export const LISTING = 'data.jsonl';
const FORMAT = 'dws-run';
const VERSION = 1;

/** Far more than a training of a million epochs writes. */
const maxBytes = 256 * 2 ** 20;

/** Whole epochs, steps of the next one, and steps since the training began. */
const position = fields({ epoch: count, epochStep: count, step: count });

const scalar: Check<unknown> = (value, where) =>
  typeof value === 'number' || typeof value === 'boolean' ? value : word(value, where);
const parameter: Check<unknown> = (value, where) => (Array.isArray(value) ? listOf(scalar) : scalar)(value, where);

/** Values, lists of them, and what parts from modules declare. */
const option: Check<unknown> = (value, where) =>
  (typeof value === 'object' && !Array.isArray(value) ? declaredValues : parameter)(value, where);

const hyperparameters: Check<{ training: TrainingOptions; run: Record<string, unknown> }> = (value, where) => {
  const { training, run } = fields({ training: mapOf(option), run: mapOf(option) })(value, where);
  const own = Object.keys(recordedModules(run)) as PartKind[];
  return parseRecorded(training, run, own);
};

/** k -> Recall@k in [0, 1]. */
const recall = mapOf(number);

const used = fields({ images: count, classes: count, skipped: count });

const segment = fields({
  /** ISO 8601. */
  started: line,
  ended: optional(line),
  /** `running` is also what a killed run leaves. */
  status: oneOf('running', 'done', 'interrupted', 'time-up', 'failed'),
  error: optional(text),
  from: position,
  to: optional(position),
  options: runOptions,
  /** How a relative `--data-path` leads from the run's folder; older records have none. */
  dataFromRun: optional(pathText),
  /** What the checkpoints record: the options of the graphs, and the runner's that decide the numbers, seed included. */
  hyperparameters,
  stepsPerEpoch: count,
  /** What is trained and evaluated with, and how many images can't be read and are left out; older records have none. */
  images: optional(fields({ train: used, val: used })),
  facts: fields(
    Object.fromEntries(Object.keys(factTable).map((name) => [name, line])) as Record<
      keyof typeof factTable,
      Check<string>
    >,
  ),
  /** The modules that brought parts: where they lay, and every file of them by its path from there. */
  modules: optional(
    listOf(
      fields({
        kind: oneOf(...partKinds),
        path: pathText,
        sha256,
        files: listOf(fields({ path: pathText, sha256 })),
      }),
    ),
  ),
  /** What ranks spoke by, which changes no bit; of one process there is none, nor in older records. */
  communication: optional(line),
  /** SHA-256 of the graphs, by file name. */
  artifacts: fields({ 'train_loop.onnx': sha256, 'eval_model.onnx': sha256 }),
  /** Null until every image is hashed; `sha256` is that of the listing. */
  data: orNull(fields({ listing: fileName, sha256, train: count, val: count })),
});

const record = fields({
  format: oneOf(FORMAT),
  version: count,
  segments: listOf(segment),
  /** The last checkpoint after each finished epoch: epochs finished, steps done, SHA-256 of the file. */
  epochs: listOf(fields({ epoch: count, step: count, sha256 })),
  /** The files that are there at the end. */
  checkpoints: listOf(fields({ file: fileName, bytes: count, sha256 })),
  /** Null until the run has ended. */
  result: orNull(
    fields({
      status: oneOf('done', 'interrupted', 'time-up'),
      epoch: count,
      step: count,
      /** Of the last step; null when it is not finite. */
      loss: optional(orNull(number)),
      before: optional(recall),
      last: optional(recall),
      best: optional(fields({ step: count, recall: number })),
    }),
  ),
});

/** What `run.json` holds. */
export type RunRecord = Checked<typeof record>;
/** What one process did of the run; a run that was never resumed has one. */
export type Segment = RunRecord['segments'][number];

export const emptyRecord = (): RunRecord => ({
  format: FORMAT,
  version: VERSION,
  segments: [],
  epochs: [],
  checkpoints: [],
  result: null,
});

export const encodeRecord = (content: RunRecord): string => `${JSON.stringify(content, null, 2)}\n`;

/** What is in the file is no record; it may be read again and again. */
export class DamagedRecordError extends UserError {}

const damaged = (file: string, what: string): UserError =>
  new DamagedRecordError(`${file} is damaged or no run.json of dws: ${what}. Take another copy of the file.`);

/** Older records of a part that a module has brought have the default's name among the options. */
function withOwnNames({ options, hyperparameters: { training } }: Segment): Segment['options'] {
  const names = partKinds
    .filter((kind) => options.modules?.[kind] !== undefined)
    .map((kind) => partOptions[kind])
    .flatMap((option) => (training[option] === undefined ? [] : [[option, training[option]] as const]));
  return { ...options, ...Object.fromEntries(names) };
}

/**
 * @param file for the errors
 * @throws UserError naming the file and the field that can't be used
 */
export function decodeRecord(json: string, file: string): RunRecord {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw damaged(file, 'it is not JSON');
  }
  try {
    const head = fields({ format: oneOf(FORMAT), version: count })(value, '');
    if (head.version !== VERSION) {
      throw new UserError(
        `${file} is of version ${head.version}, this dws reads version ${VERSION}. Use the dws that wrote it, or a newer one.`,
      );
    }
    const decoded = record(value, '');
    if (decoded.segments.length === 0) throw damaged(file, 'it has no segment');
    // With modules, which nothing that is read from a file may load, their own options can't be looked at.
    for (const { options } of decoded.segments) (options.modules ? requireRunRules : parseRunOptions)(options);
    return { ...decoded, segments: decoded.segments.map((one) => ({ ...one, options: withOwnNames(one) })) };
  } catch (error) {
    if (error instanceof ShapeError) throw damaged(file, error.message.replace(/^ is/, 'it is'));
    if (error instanceof UserError && !error.message.startsWith(file))
      throw damaged(file, error.message.replace(/\.$/, ''));
    throw error;
  }
}

/** @throws DamagedRecordError for what is no record, UserError when it can't be read or is of another version */
export async function readRecord(file: string): Promise<RunRecord> {
  return decodeRecord(await readText(file, maxBytes), file);
}

/** The same, with the images named from the current folder. @throws as `readRecord` */
export async function readRecordHere(file: string): Promise<RunRecord> {
  const record = await readRecord(file);
  const named = async (one: Segment): Promise<Segment> => {
    const dataPath = await dataNow(one.options.dataPath, one.dataFromRun, path.dirname(file));
    return { ...one, options: { ...one.options, dataPath } };
  };
  return { ...record, segments: await Promise.all(record.segments.map(named)) };
}

/** A run with its record, opened. */
export interface RecordedRun {
  record: RunRecord;
  /** The `run.json`. */
  file: string;
  /** What lies beside it, whether there or not. */
  beside: (name: string) => string;
  /** What the run's files begin with. */
  prefix: string;
  /** The process that did the last part. */
  last: Segment;
}

async function recordFile(run: string): Promise<string> {
  const isFolder = await stat(run).then(
    (found) => found.isDirectory(),
    (error: unknown) => {
      throw fileError(`can't read ${run}`, error);
    },
  );
  if (!isFolder) return run;
  const names = (await readdir(run)).filter((name) => name.endsWith(RECORD));
  const [name = RECORD, ...others] = names.includes(RECORD) ? [RECORD] : names;
  if (names.length === 0) {
    throw new UserError(`${run} has no ${RECORD} inside: no training of this version of dws has begun there.`);
  }
  if (others.length === 0) return path.join(run, name);
  throw new UserError(`${run} holds several runs. Give one of them: ${names.sort().join(', ')}.`);
}

/**
 * Opens a run by its folder or its `run.json`.
 *
 * @throws UserError when there is none, or it can't be read or used
 */
export async function openRun(run: string): Promise<RecordedRun> {
  const file = await recordFile(run);
  const record = await readRecordHere(file);
  const last = record.segments.at(-1)!;
  const beside = (name: string) => path.join(path.dirname(file), name);
  return { record, file, beside, prefix: last.options.savePrefix, last };
}
