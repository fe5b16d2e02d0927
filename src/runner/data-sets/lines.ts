/** Lists that come with a data set: text files, of which every line may be wrong. */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { Refuse } from '../data/folder.js';
import { refuseAtOnce } from '../data/folder.js';
import { printableName } from '../base/printable-name.js';
import { listSome } from '../base/list-some.js';
import { UserError } from '../base/errors.js';
import { fileError, readWholeFile } from '../base/files.js';

export interface Line {
  /** Counted from 1. */
  number: number;
  text: string;
}

/** Something about a line that keeps it from being used. */
export interface Problem {
  line: number;
  /** Follows `line 3: `. */
  text: string;
}

/** What a person may have put into a list, for a line of an error. */
export const quoted = (text: string): string =>
  `"${printableName(text.length > 80 ? `${text.slice(0, 80)}...` : text)}"`;

/** Refuses a list with lines that can't be used, if there are some: the error names them. */
export function requireNone(
  file: string,
  problems: readonly Problem[],
  advice: string,
  refuse: Refuse = refuseAtOnce,
): void {
  if (problems.length === 0) return;
  const sorted = problems.toSorted((a, b) => a.line - b.line);
  const lines = listSome(sorted.map(({ line, text }) => `line ${line}: ${text}`));
  refuse(new UserError(`${file}: ${problems.length} of its lines cannot be used:\n${lines}\n${advice}`));
}

const utf16 = (bytes: Uint8Array) =>
  (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);

/** 64 MiB: more than a million lines. */
const limitBytes = 2 ** 26;

/**
 * Reads a text file: UTF-8, with or without a byte order mark.
 *
 * @throws UserError when it cannot be read, is larger than 64 MiB, or is no UTF-8; names the line
 */
export async function readText(file: string): Promise<string> {
  const { size } = await stat(file).catch((error: unknown) => {
    throw fileError(`can't read ${file}`, error);
  });
  if (size > limitBytes) {
    throw new UserError(`${file}: ${size} bytes are too many for a list; ${limitBytes} is the limit.`);
  }
  const bytes = await readWholeFile(file);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    if (utf16(bytes)) throw new UserError(`${file} is UTF-16 text. Save it as UTF-8.`);
    throw new UserError(`${file}: line ${firstBadLine(bytes)} is not UTF-8 text. Save the file as UTF-8.`);
  }
}

const newline = 10;

/** The first line whose bytes are no UTF-8, counted from 1; no character of UTF-8 holds the byte of a line end. */
function firstBadLine(bytes: Uint8Array): number {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let start = 0;
  for (let line = 1; ; line++) {
    const end = bytes.indexOf(newline, start);
    try {
      decoder.decode(bytes.subarray(start, end < 0 ? undefined : end));
    } catch {
      return line;
    }
    if (end < 0) return line;
    start = end + 1;
  }
}

/** The lines of a text file that are not blank, without blanks at their ends. @throws UserError as `readText` */
export async function readLines(folder: string, name: string): Promise<Line[]> {
  const text = await readText(path.join(folder, name));
  return text
    .split(/\r\n|\n|\r/)
    .map((line, index) => ({ number: index + 1, text: line.trimEnd() }))
    .filter((line) => line.text !== '');
}
