import { UserError } from './errors.js';
import { printable } from './printable.js';

const shown = (value: unknown): string =>
  printable(typeof value === 'string' || (typeof value === 'object' && value) ? JSON.stringify(value) : String(value));

/**
 * For functions that programs call, which need not be type-checked: Node.js would name its own parameters.
 *
 * @param job the function that takes them
 * @param paths its arguments by their names
 * @throws UserError naming the first that is no path
 */
export function requirePaths(job: string, paths: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(paths)) {
    if (typeof value === 'string' && /^[^\0]+$/.test(value)) continue;
    throw new UserError(`${job}: ${name} is ${shown(value)}. Give a path.`);
  }
}
