/** Checks of JSON that anybody may have written: every field has the type that it should, or the error says which has not. */
import path from 'node:path';
import { printable, printableJson } from './printable.js';

/** What is wrong and where, as the end of a sentence that begins with the file. */
export class ShapeError extends Error {
  constructor(where: string, value: unknown, wanted: string) {
    super(value === undefined ? `${where} is missing` : `${where} is ${printableJson(value)} instead of ${wanted}`);
  }
}

/** Returns the value as what it is. @throws ShapeError when it is something else */
export type Check<T> = (value: unknown, where: string) => T;

export type Checked<C> = C extends Check<infer T> ? T : never;

/** @param wanted completes "instead of ..." */
const check =
  <T>(isIt: (value: unknown) => value is T, wanted: string): Check<T> =>
  (value, where) => {
    if (isIt(value)) return value;
    throw new ShapeError(where, value, wanted);
  };

const matching = (pattern: RegExp, wanted: string): Check<string> =>
  check((value): value is string => typeof value === 'string' && pattern.test(value), wanted);

export const text = check((value): value is string => typeof value === 'string', 'a text');
/** A text that may be shown as it is. */
export const line = matching(/^\P{C}{0,1000}$/u, 'a text in one line');
/** As long as the name of a part may be. */
export const word = matching(/^\P{C}{0,64}$/u, 'a word');
export const flag = check((value): value is boolean => typeof value === 'boolean', 'true or false');
export const number = check((value): value is number => typeof value === 'number', 'a number');
export const count = check(
  (value): value is number => Number.isSafeInteger(value) && (value as number) >= 0,
  'a whole number of 0 or more',
);
export const sha256 = matching(/^[0-9a-f]{64}$/, 'the 64 hexadecimal digits of a SHA-256');
/** A file's name without a folder, nothing that leads elsewhere. */
export const fileName = matching(/^(?!\.\.?$)[^/\\\p{C}]{1,255}$/u, 'the name of a file in the same folder');
/** Whether a text is a file's path inside a folder, with `/` between names. */
export const isInsidePath = (value: unknown): value is string =>
  typeof value === 'string' &&
  /^[^\0]+$/.test(value) &&
  !path.posix.isAbsolute(value) &&
  !path.win32.isAbsolute(value) &&
  !value.split(/[/\\]/).includes('..');
export const insidePath = check(isInsidePath, 'a path that stays inside its folder');
export const pathText = matching(/^[^\0]+$/, 'a path');

export const oneOf = <T extends string>(...known: T[]): Check<T> =>
  check((value): value is T => known.includes(value as T), `one of ${known.join(', ')}`);

export const optional =
  <T>(inner: Check<T>): Check<T | undefined> =>
  (value, where) =>
    value === undefined ? undefined : inner(value, where);

export const orNull =
  <T>(inner: Check<T>): Check<T | null> =>
  (value, where) =>
    value === null ? null : inner(value, where);

export const listOf =
  <T>(inner: Check<T>): Check<T[]> =>
  (value, where) => {
    if (!Array.isArray(value)) throw new ShapeError(where, value, 'a list');
    return value.map((entry, index) => inner(entry, `${where}[${index}]`));
  };

type Entries = Record<string, unknown>;

const asObject = check(
  (value): value is Entries => typeof value === 'object' && value !== null && !Array.isArray(value),
  'an object',
);

type Table = Record<string, Check<unknown>>;

type Optional<T extends Table> = { [Key in keyof T]: undefined extends Checked<T[Key]> ? Key : never }[keyof T];

/** What a table's fields are; those that may be undefined may be missing. */
type Fields<T extends Table> = { [Key in Exclude<keyof T, Optional<T>>]: Checked<T[Key]> } & {
  [Key in Optional<T>]?: Checked<T[Key]>;
};

/** An object of these fields; others are passed over. */
export function fields<T extends Table>(table: T): Check<Fields<T>> {
  return (value, where) => {
    const given = asObject(value, where);
    const named = where === '' ? '' : `${where}.`;
    const checked = Object.entries(table).map(([key, inner]) => [
      key,
      inner(Object.hasOwn(given, key) ? given[key] : undefined, named + key),
    ]);
    return Object.fromEntries(checked.filter(([, entry]) => entry !== undefined)) as Fields<T>;
  };
}

/** An object of any names. */
export const mapOf =
  <T>(inner: Check<T>): Check<Record<string, T>> =>
  (value, where) =>
    Object.fromEntries(
      Object.entries(asObject(value, where)).map(([key, entry]) => [key, inner(entry, `${where}.${printable(key)}`)]),
    );

const scalar = check(
  (value): value is string | number | boolean =>
    (typeof value === 'string' && value.length <= 1000) || typeof value === 'number' || typeof value === 'boolean',
  'a text, a number, true or false',
);
/** Values of options that somebody else declares. */
export const declaredValues = mapOf(scalar);
