/** Numbers of things, for people. */

/** 1234567 -> 1,234,567 */
export const count = (value: number): string => value.toLocaleString('en-US');

/** 1 -> 1 image, 1200 -> 1,200 images */
export const counted = (value: number, one: string, many = `${one}s`): string =>
  `${count(value)} ${value === 1 ? one : many}`;
