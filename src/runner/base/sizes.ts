/** A size or an offset in a file: a whole number from 0 on. */
export const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** Elements of a shape; too many to count exactly give a large number or Infinity, never a small one. */
export const countOf = (shape: readonly number[]): number =>
  shape.includes(0) ? 0 : shape.reduce((product, size) => product * size, 1);
