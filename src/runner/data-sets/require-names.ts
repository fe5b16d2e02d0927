import { UserError } from '../base/errors.js';
import type { DataFormat, Place } from './format.js';

/** @throws UserError that names what a data set lacks, when some of its files are there and others are not */
export function requireNames(
  { path, names }: Place,
  { name, layout }: Pick<DataFormat, 'name' | 'layout'>,
  needed: readonly string[],
): void {
  const missing = needed.filter((each) => !names.has(each));
  if (missing.length === 0) return;
  throw new UserError(`${path} looks like ${name}, but ${missing.join(' and ')} is missing. Give ${layout}.`);
}
