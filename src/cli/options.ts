/** Options as data: a table's key is the option's name (`lrBeta` is `--lr-beta`), its row says the rest. */
import type { Command } from 'commander';
import { Option } from 'commander';
import type { Parser } from './parsers.js';

export interface OptionRow<T> {
  description: string;
  /** Stands for the value in the help; without it the option is a switch. */
  value?: string;
  parse?: Parser<T>;
  default?: T;
  /** How the help shows the default. */
  defaultText?: string;
  /** Whether the command can't do without it. */
  required?: true;
  /** One letter for those who know it by that. */
  short?: string;
}

export type OptionTable = Record<string, OptionRow<unknown>>;

/** What a table's options parse to. */
export type OptionValues<Table> = {
  [Key in keyof Table]: Table[Key] extends OptionRow<infer T> ? T : never;
};

/** `--lr-beta <number>` for `lrBeta`. */
const flagsOf = (key: string, { value, short }: OptionRow<unknown>): string => {
  const long = `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  return (short ? `-${short}, ` : '') + long + (value ? ` <${value}>` : '');
};

/** Ends a command that can't do without an option and has not got it. @param key the option's name in its table */
export function requireOption(command: Command, key: string): void {
  if (command.getOptionValue(key) !== undefined) return;
  const { flags } = command.options.find((option) => option.attributeName() === key)!;
  command.error(`error: required option '${flags}' not specified`, { code: 'commander.missingMandatoryOptionValue' });
}

const requiredOptions = new WeakSet<Option>();

/** Commander would look for these before it looks at unknown options: a misspelt one would be told as missing. */
function requireGiven(command: Command): void {
  for (const option of command.options) if (requiredOptions.has(option)) requireOption(command, option.attributeName());
}

/** Adds a table's options under a heading of the help. */
export function addOptions(command: Command, heading: string, table: OptionTable): Command {
  for (const [key, row] of Object.entries(table)) {
    const option = new Option(flagsOf(key, row), row.description).helpGroup(heading);
    if (row.parse) option.argParser(row.parse);
    if (row.default !== undefined) option.default(row.default, row.defaultText);
    if (row.required) requiredOptions.add(option);
    command.addOption(option);
  }
  if (Object.values(table).some((row) => row.required)) command.hook('preAction', requireGiven);
  return command;
}

/** Commander's own answer to an option that a command does not have; its types leave it out. */
interface Unknowing {
  unknownOption(flag: string): void;
}

/** Says more of an option that a command does not have. */
export function adviseOnUnknown(command: Command, advice: (flag: string) => string | undefined): void {
  const unknowing = command as unknown as Unknowing;
  const usual = unknowing.unknownOption.bind(command);
  unknowing.unknownOption = (flag) => {
    const told = advice(flag);
    if (told === undefined) usual(flag);
    else command.error(`error: unknown option '${flag}'. ${told}`, { code: 'commander.unknownOption' });
  };
}

export const optional = <T>(value: string, description: string, parse: Parser<T>): OptionRow<T | undefined> => ({
  value,
  description,
  parse,
});

export const withDefault = <T>(value: string, description: string, parse: Parser<T>, initial: T): OptionRow<T> => ({
  value,
  description,
  parse,
  default: initial,
});

export const required = <T>(value: string, description: string, parse: Parser<T>): OptionRow<T> => ({
  value,
  description,
  parse,
  required: true,
});

export const toggle = (description: string): OptionRow<boolean> => ({ description, default: false });

export const addExample = (command: Command, example: string): Command =>
  command.addHelpText('after', `\nExample:\n  ${example}`);
