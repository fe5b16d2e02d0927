/** A resumed training goes on with the options of its checkpoint, but for those that are given anew. */
import type { Command } from 'commander';
import { flagOf } from '../runner/check-options.js';
import type { Checkpoint } from '../runner/checkpoint.js';

/** Options that a checkpoint calls otherwise. */
const RECORDED_AS: Record<string, string> = { wd: 'weightDecay' };

/**
 * Sets each option of the command that the checkpoint has recorded and the command line does not give.
 *
 * @returns those whose default is another value, as they would be given: `--model resnet18`
 */
export function takeRecordedOptions(command: Command, { metadata }: Checkpoint): string[] {
  const recorded: Record<string, unknown> = { ...metadata.options, ...metadata.runOptions, seed: metadata.seed };
  const taken: string[] = [];
  for (const option of command.options) {
    const key = option.attributeName();
    const value = recorded[RECORDED_AS[key] ?? key];
    if (value === undefined || command.getOptionValueSource(key) === 'cli') continue;
    if (String(value) !== String(option.defaultValue))
      taken.push(value === true ? flagOf(key) : `${flagOf(key)} ${String(value)}`);
    command.setOptionValueWithSource(key, value, 'config');
  }
  return taken;
}
