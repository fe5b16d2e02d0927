/** A CSV file that lists images: `path,label,split`, a line each. */
import path from 'node:path';
import { CsvError, parse } from 'csv-parse/sync';
import { printableName } from '../data/printable-name.js';
import { UserError } from '../errors.js';
import type { DataFormat } from './format.js';
import type { Problem } from './lines.js';
import { quoted, readText, requireNone } from './lines.js';
import { listedSet } from './listed.js';

const columns = ['path', 'label', 'split'] as const;
const splits: readonly string[] = ['train', 'val'];
const header = columns.join(',');

/** More than any path and label take; a quote that is never closed ends here. */
const limitRecord = 2 ** 16;

interface Row {
  /** Where the row ends. */
  line: number;
  fields: string[];
}

function parseRows(file: string, text: string): Row[] {
  try {
    const rows = parse(text, {
      info: true,
      max_record_size: limitRecord,
      record_delimiter: ['\r\n', '\n', '\r'],
      relax_column_count: true,
      skip_empty_lines: true,
      trim: true,
    }) as unknown as { record: string[]; info: { lines: number } }[];
    return rows.map(({ record, info }) => ({ line: info.lines, fields: record }));
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw new UserError(`${file} is not CSV: ${printableName(error.message.slice(0, 200))}`, { cause: error });
  }
}

interface Entry {
  line: number;
  path: string;
  label: string;
  split: string;
}

function readEntries(file: string, text: string): Entry[] {
  const [first, ...rows] = parseRows(file, text);
  const places = columns.map((column) => first?.fields.indexOf(column) ?? -1) as [number, number, number];
  if (first === undefined || places.includes(-1)) {
    throw new UserError(`${file}: its first line is ${quoted(first?.fields.join(',') ?? '')}. It must name ${header}.`);
  }
  const problems: Problem[] = [];
  const entries = rows.flatMap(({ line, fields }): Entry[] => {
    const [name = '', label = '', split = ''] = places.map((place) => fields[place]);
    const wrong =
      fields.length !== first.fields.length
        ? `has ${fields.length} fields, the first line ${first.fields.length}`
        : label === ''
          ? 'the label is empty'
          : splits.includes(split)
            ? undefined
            : `the split is ${quoted(split)}, not ${splits.join(' or ')}`;
    if (wrong === undefined) return [{ line, path: name, label, split }];
    problems.push({ line, text: wrong });
    return [];
  });
  requireNone(file, problems, `Each line is: ${quoted(first.fields.join(',')).slice(1, -1)}`);
  return entries;
}

export const manifest: DataFormat = {
  name: 'a manifest',
  layout: `a .csv file with the first line ${header}, and paths relative to it`,
  recognize: (place) => !place.isFolder && place.path.toLowerCase().endsWith('.csv'),
  async open({ path: file }, split, options) {
    const entries = readEntries(file, await readText(file));
    const mine = entries.filter((entry) => entry.split === split);
    const classes = [...new Set(mine.map(({ label }) => label))].sort();
    const labels = new Map(classes.map((name, label) => [name, label]));
    // Both splits, so that an image in both is told; those of the other one have no label.
    const images = entries.map((entry) => ({ ...entry, label: entry.split === split ? labels.get(entry.label)! : -1 }));
    const set = await listedSet({ file, root: path.dirname(file), split, classes, images }, options);
    return { ...set, images: set.images.filter(({ label }) => label >= 0) };
  },
};
