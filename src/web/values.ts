/** Checks of values in JSON that a server sent. */

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A whole number from 0 on. */
export const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** Bytes that a file may have: more than WebAssembly can address. */
export const mostBytes = 2 ** 32;

export const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);

export const isText = (value: unknown): value is string => typeof value === 'string';

/** A list of so many texts. */
export const areTexts = (value: unknown, count: unknown): value is string[] =>
  Array.isArray(value) && value.length === count && value.every(isText);
