/** What a page says that a command prints. */

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** A line of a page as a pattern: `...` stands for anything, also for lines between others. */
const pattern = (line: string): RegExp => new RegExp(`^${line.trim().split('...').map(escaped).join('.*')}$`);

/** The first line of `expected` that `printed` does not have after the lines before it; undefined where all are there, in order. */
export function missingLine(printed: string, expected: string): string | undefined {
  const lines = printed.split('\n').map((line) => line.trim());
  let from = 0;
  for (const line of expected.split('\n').filter((text) => text.trim() !== '')) {
    const found = lines.slice(from).findIndex((candidate) => pattern(line).test(candidate));
    if (found < 0) return line;
    if (line.trim() !== '...') from += found + 1;
  }
  return undefined;
}

/** A `console` block: lines after `$ ` are commands, and on until one does not end in a backslash; others are printed. */
export function splitConsole(code: string): { script: string; expected: string } {
  const [commands, printed]: [string[], string[]] = [[], []];
  let isCommand = false;
  for (const line of code.split('\n')) {
    const begins = line.startsWith('$ ');
    (begins || isCommand ? commands : printed).push(begins ? line.slice(2) : line);
    isCommand = (begins || isCommand) && line.endsWith('\\');
  }
  return { script: commands.join('\n'), expected: printed.join('\n') };
}
