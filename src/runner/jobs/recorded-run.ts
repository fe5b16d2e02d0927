/** A resumed training goes on with what its run.json tells and its checkpoint does not: where the images are, how long, what is written. */
import path from 'node:path';
import { causeCode } from '../base/files.js';
import { printableName } from '../base/printable-name.js';
import { runDefaults } from '../options/defaults.js';
import { flagOf, isRecordedOption } from '../options/rules.js';
import type { RunOptions } from '../options/run-options.js';
import { optionTable } from '../reproduce/options.js';
import { DamagedRecordError, readRecordHere, RECORD } from '../reproduce/record.js';

/**
 * Places, which are those of the resumed run; what begins a training and does not go on with it; what belongs to one process; and modules,
 * which no file that is read ever loads.
 */
const notTaken = new Set<keyof RunOptions>([
  ...(['out', 'savePrefix', 'resume', 'pretrained', 'startEpoch', 'maxHours'] as const),
  ...(['modules', 'otherModules', 'backboneOptions', 'lossOptions', 'samplingOptions', 'optimizerOptions'] as const),
]);

const names = (Object.keys(optionTable) as (keyof RunOptions)[]).filter(
  (key) => !notTaken.has(key) && !isRecordedOption(key),
);

const defaults: Readonly<Record<string, unknown>> = runDefaults;

const shown = (key: string, value: unknown): string =>
  value === true
    ? flagOf(key)
    : `${flagOf(key)} ${printableName(typeof value === 'object' ? JSON.stringify(value) : String(value))}`;

/** What a run's record tells of a training that goes on. */
export interface RecordedRunOptions {
  options: Partial<RunOptions>;
  /** What there is to say: options that would be others without the record, as the command line takes them, or why there are none. */
  notes: string[];
  /** Why there is nothing. */
  untold?: string;
}

/** What a run goes on with that nobody has told. */
function untoldOptions(given: Partial<RunOptions>): string {
  const unknown = names.filter((key) => given[key] === undefined && defaults[key]);
  return unknown.map((key) => shown(key, defaults[key])).join(' ');
}

/**
 * @param given options that are not to be taken
 * @param folder of the run, and the prefix of its files
 * @throws UserError for a record that is there and can't be read for a reason that says nothing about what is in it
 */
export async function recordedRunOptions(
  given: Partial<RunOptions>,
  folder: string,
  prefix: string,
): Promise<RecordedRunOptions> {
  const file = path.join(folder, prefix + RECORD);
  try {
    const { segments } = await readRecordHere(file);
    const recorded: Readonly<Record<string, unknown>> = { ...segments.at(-1)!.options };
    const taken = names.filter((key) => given[key] === undefined && recorded[key] !== undefined);
    const told = taken.filter((key) => JSON.stringify(recorded[key]) !== JSON.stringify(defaults[key]));
    return {
      options: Object.fromEntries(taken.map((key) => [key, recorded[key]])),
      notes: told.length > 0 ? [`from ${file}: ${told.map((key) => shown(key, recorded[key])).join(' ')}`] : [],
    };
  } catch (error) {
    const isGone = causeCode(error) === 'ENOENT';
    if (!isGone && !(error instanceof DamagedRecordError)) throw error;
    const untold = isGone ? `there is no ${file}` : (error as Error).message.replace(/\.$/, '');
    const note = `nothing is taken from the run's record: ${untold}. What it would tell is the default, unless given: ${untoldOptions(given)}`;
    return { options: {}, notes: [note], untold };
  }
}
