/** Control characters, what turns the direction of text, halves of surrogates, and line ends; a joiner of emoji is none. */
const unprintable = /(?!\u200d)[\p{C}\p{Zl}\p{Zp}]/gu;

const short: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** A file's or class's name for a line on a terminal: what would break or disguise it is written as `\n` or `\u{1b}`. */
export const printableName = (name: string): string =>
  name.replace(unprintable, (character) => short[character] ?? `\\u{${character.codePointAt(0)!.toString(16)}}`);

/** Whether a name looks on a terminal as it is. */
export const isPrintable = (name: string): boolean => printableName(name) === name;

/** A path for a list of one a line: as it is, or as a JSON string, which begins with `"`, when it would break the line. */
export const escapedLine = (name: string): string =>
  isPrintable(name) && !name.startsWith('"') ? name : JSON.stringify(name);
