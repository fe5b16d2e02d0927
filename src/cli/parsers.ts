/** Text of an option -> its value. Each parser's error says what is allowed; commander puts the option and the text before it. */
import { InvalidArgumentError } from 'commander';
import { readValSplit, valSplitAdvice } from '../runner/base/val-split.js';
import { didYouMean } from '../graph/known-names.js';

export interface Parser<T> {
  (text: string): T;
  /** The words that it takes, where it takes no others; for completion. */
  known?: readonly string[];
}

interface Range {
  min?: number;
  max?: number;
  /** Excluded lower bound. */
  above?: number;
  /** Excluded upper bound. */
  below?: number;
}

const bounds: Record<keyof Range, { text: string; holds: (value: number, bound: number) => boolean }> = {
  min: { text: 'at least', holds: (value, bound) => value >= bound },
  above: { text: 'above', holds: (value, bound) => value > bound },
  max: { text: 'at most', holds: (value, bound) => value <= bound },
  below: { text: 'below', holds: (value, bound) => value < bound },
};

function ranged(kind: string, isKind: (value: number) => boolean, range: Range): Parser<number> {
  const limits = Object.entries(range) as [keyof Range, number][];
  const allowed = [kind, limits.map(([limit, bound]) => `${bounds[limit].text} ${bound}`).join(' and ')]
    .join(' ')
    .trim();
  return (text) => {
    const value = text.trim() === '' ? NaN : Number(text);
    if (isKind(value) && limits.every(([limit, bound]) => bounds[limit].holds(value, bound))) return value;
    throw new InvalidArgumentError(`Give ${allowed}.`);
  };
}

export const number = (range: Range): Parser<number> => ranged('a number', Number.isFinite, range);
export const integer = (range: Range): Parser<number> => ranged('a whole number', Number.isSafeInteger, range);

/** Values with commas between them; none for an empty text. */
export function listOf<T>(item: Parser<T>): Parser<T[]> {
  const parse: Parser<T[]> = (text) => (text.trim() === '' ? [] : text.split(',').map(item));
  return Object.assign(parse, { known: item.known });
}

/** A number for each of red, green and blue. */
export const colors =
  ({ holds, wanted }: { holds: (value: unknown) => boolean; wanted: string }): Parser<number[]> =>
  (text) => {
    const values = text.split(',').map((one) => (one.trim() === '' ? NaN : Number(one)));
    if (holds(values)) return values;
    throw new InvalidArgumentError(`Give ${wanted}.`);
  };

export function oneOf<T extends string>(known: readonly T[]): Parser<T> {
  const parse: Parser<T> = (text) => {
    if ((known as readonly string[]).includes(text)) return text as T;
    throw new InvalidArgumentError(`${didYouMean(text, known)}Known: ${known.join(', ')}.`);
  };
  return Object.assign(parse, { known });
}

export const path: Parser<string> = (text) => {
  if (text === '') throw new InvalidArgumentError('Give a path.');
  return text;
};

/** Of an argument that may be given more than once. */
export const paths = (text: string, before: readonly string[] = []): string[] => [...before, path(text)];

const unitBytes = {
  ...{ kb: 1e3, mb: 1e6, gb: 1e9, tb: 1e12 },
  ...{ kib: 2 ** 10, mib: 2 ** 20, gib: 2 ** 30, tib: 2 ** 40 },
};
/** More than a device will have, and still a whole number. */
const mostBytes = 1e15;

/** A size with its unit, in bytes. */
export const bytes: Parser<number> = (text) => {
  const [, amount, unit = ''] = /^\s*(\d+(?:\.\d+)?)\s*([kmgt]i?b)\s*$/i.exec(text) ?? [];
  const size = Math.floor(Number(amount) * (unitBytes[unit.toLowerCase() as keyof typeof unitBytes] ?? NaN));
  if (Number.isNaN(size)) throw new InvalidArgumentError('Give a size with its unit, such as 8GB or 500MiB.');
  if (size < 1 || size > mostBytes) throw new InvalidArgumentError('Give 1 byte or more, at most 1000TB, such as 8GB.');
  return size;
};

/** Any text, none included. */
export const text: Parser<string> = (given) => given;

/** What `--val-split` takes. */
export const valSplitText: Parser<string> = (given) => {
  if (readValSplit(given)) return given;
  throw new InvalidArgumentError(`${valSplitAdvice(given)}.`);
};
