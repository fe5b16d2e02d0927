/** A resumed training goes on with the options of its checkpoint, but for those that are given anew. */
import type { Command } from 'commander';
import { flagOf, isRecordedOption } from '../runner/check-options.js';
import type { Checkpoint } from '../runner/checkpoint.js';

/** Options that a checkpoint calls otherwise. */
const RECORDED_AS: Record<string, string> = { wd: 'weightDecay' };

/** The classes are the data's; with other data, an error about the checkpoint is the right one. */
const NOT_TAKEN = new Set(['classes']);

/**
 * Sets each option of the command that the checkpoint has recorded and the command line does not give.
 *
 * @returns those whose default is another value, as they would be given: `--model resnet18`
 */
export function takeRecordedOptions(command: Command, { metadata }: Checkpoint): string[] {
  // Nothing else: a file must not choose what is read and where is written.
  const recorded = Object.fromEntries(
    Object.entries({ ...metadata.options, ...metadata.runOptions, seed: metadata.seed }).filter(([key]) =>
      isRecordedOption(key),
    ),
  );
  const taken: string[] = [];
  for (const option of command.options) {
    const key = option.attributeName();
    const value: unknown = recorded[RECORDED_AS[key] ?? key];
    if (NOT_TAKEN.has(key) || value === undefined || command.getOptionValueSource(key) === 'cli') continue;
    const isDefault = String(value) === String(option.defaultValue);
    if (!isDefault) taken.push(option.isBoolean() ? flagOf(key) : `${flagOf(key)} ${String(value)}`);
    command.setOptionValueWithSource(key, value, 'config');
  }
  return taken;
}
