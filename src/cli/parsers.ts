/** Text of an option -> its value. Each parser's error says what is allowed; commander puts the option and the text before it. */
import { InvalidArgumentError } from 'commander';

export type Parser<T> = (text: string) => T;

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
  return (text) => (text.trim() === '' ? [] : text.split(',').map(item));
}

export function oneOf<T extends string>(known: readonly T[]): Parser<T> {
  return (text) => {
    if ((known as readonly string[]).includes(text)) return text as T;
    throw new InvalidArgumentError(`Known: ${known.join(', ')}.`);
  };
}

export const path: Parser<string> = (text) => {
  if (text === '') throw new InvalidArgumentError('Give a path.');
  return text;
};

/** Any text, none included. */
export const text: Parser<string> = (given) => given;
