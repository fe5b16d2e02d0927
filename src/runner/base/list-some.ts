import { printableName } from './printable-name.js';

const limit = 10;

/** The first ten lines, indented and made printable, then how many more there are: for errors about many files or classes. */
export function listSome(lines: readonly string[]): string {
  const more = lines.length > limit ? [`and ${lines.length - limit} more`] : [];
  return [...lines.slice(0, limit), ...more].map((line) => `  ${printableName(line)}`).join('\n');
}
