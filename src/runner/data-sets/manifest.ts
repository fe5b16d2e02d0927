/** A CSV file that lists images: `path,label,split`, a line each, and `is_query,is_gallery` where these are not all. */
import path from 'node:path';
import { CsvError, parse } from 'csv-parse/sync';
import { printableName } from '../base/printable-name.js';
import { UserError } from '../base/errors.js';
import type { ImageRole, ImageSet, Refuse, Split } from '../data/folder.js';
import { keepImages } from '../data/folder.js';
import { isPackFile } from '../data/pack-file.js';
import type { PassedOver } from '../data/passed-over.js';
import { ofOtherSplit } from '../data/passed-over.js';
import { knownWords, splitOfWord } from '../data/split-names.js';
import type { DataFormat, OpenOptions } from './format.js';
import type { Problem } from './lines.js';
import { quoted, readText, requireNone } from './lines.js';
import { listedSet } from './listed.js';

const required = ['path', 'label'] as const;
const optional = ['split', 'is_query', 'is_gallery'] as const;
type Column = (typeof required)[number] | (typeof optional)[number];
const header = [...required, 'split'].join(',');

const delimiters = [',', ';', '\t'] as const;

/** More than any path and label take; a quote that is never closed ends here. */
const limitRecord = 2 ** 16;

interface Row {
  /** Where the row ends. */
  line: number;
  fields: string[];
}

/** What stands between the fields of the first line: the one that makes the most of the columns that are known. */
function delimiterOf(text: string): string {
  const first = /[^\r\n]+/.exec(text)?.[0].slice(0, limitRecord) ?? '';
  const known = new Set<string>([...required, ...optional]);
  const hits = (delimiter: string) => first.split(delimiter).filter((field) => known.has(columnOf(field))).length;
  const counts = delimiters.map(hits);
  return delimiters[counts.indexOf(counts.reduce((most, one) => Math.max(most, one)))]!;
}

/** A column's name, whatever its case, quotes and blanks. */
const columnOf = (field: string): string =>
  field
    .trim()
    .replace(/^"(.*)"$/, '$1')
    .trim()
    .toLowerCase();

function parseRows(file: string, text: string): Row[] {
  try {
    const rows = parse(text, {
      delimiter: delimiterOf(text),
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
  /** Undefined where the list has no such column. */
  word: string | undefined;
  role: ImageRole | undefined;
}

interface Manifest {
  entries: Entry[];
  /** The words for validation, of which the first that is used stands for it. */
  valWord: string | undefined;
}

const truths: Record<string, boolean> = {
  ...{ true: true, '1': true, '1.0': true, yes: true, y: true, t: true },
  ...{ false: false, '0': false, '0.0': false, no: false, n: false, f: false, '': false },
};

/** Places of the columns in a row. @throws UserError when some are missing */
function placesOf(file: string, first: Row | undefined): Partial<Record<Column, number>> {
  const fields = first?.fields.map(columnOf) ?? [];
  const places = Object.fromEntries(
    [...required, ...optional].map((column) => [column, fields.indexOf(column)]).filter(([, place]) => place !== -1),
  ) as Partial<Record<Column, number>>;
  if (required.some((column) => places[column] === undefined)) {
    throw new UserError(
      `${file}: its first line is ${quoted(first?.fields.join(',') ?? '')}. It must name ${header}, ` +
        `with commas, semicolons or tabs between them.`,
    );
  }
  const roles = (['is_query', 'is_gallery'] as const).filter((column) => places[column] !== undefined);
  if (roles.length === 1) {
    const missing = roles[0] === 'is_query' ? 'is_gallery' : 'is_query';
    throw new UserError(`${file}: its first line names ${roles[0]} without ${missing}. Give both columns, or none.`);
  }
  return places;
}

function readEntries(file: string, text: string, refuse?: Refuse): Manifest {
  const [first, ...rows] = parseRows(file, text);
  const places = placesOf(file, first);
  const hasSplit = places.split !== undefined;
  const hasRoles = places.is_query !== undefined;
  const problems: Problem[] = [];
  const entries = rows.flatMap(({ line, fields }): Entry[] => {
    const field = (column: Column) => fields[places[column] ?? -1] ?? '';
    const [label, word] = [field('label'), field('split')];
    const split = splitOfWord(word)?.split;
    const [isQuery, isGallery] = (['is_query', 'is_gallery'] as const).map(
      (column) => truths[field(column).toLowerCase()],
    );
    const wrong =
      fields.length !== first!.fields.length
        ? `has ${fields.length} fields, the first line ${first!.fields.length}`
        : label === ''
          ? 'the label is empty'
          : hasSplit && split === undefined
            ? `the split is ${quoted(word)}, none of ${knownWords}`
            : hasRoles && split !== 'train' && (isQuery === undefined || isGallery === undefined)
              ? 'is_query and is_gallery are to be true or false'
              : hasRoles && split === 'val' && !isQuery && !isGallery
                ? 'is neither a query nor in the gallery'
                : undefined;
    if (wrong === undefined) {
      const role = hasRoles && split !== 'train' ? { isQuery: isQuery!, isGallery: isGallery! } : undefined;
      return [{ line, path: field('path'), label, word: hasSplit ? word.trim().toLowerCase() : undefined, role }];
    }
    problems.push({ line, text: wrong });
    return [];
  });
  requireNone(file, problems, `Each line is: ${quoted(first!.fields.join(',')).slice(1, -1)}`, refuse);
  return { entries: oneSpelling(entries), valWord: valWordOf(entries) };
}

/** The word of the rows that are validated on: of val and test, both used in one list, val. */
function valWordOf(entries: readonly Entry[]): string | undefined {
  const words = [...new Set(entries.map(({ word }) => word ?? ''))].filter(
    (word) => splitOfWord(word)?.split === 'val',
  );
  return words.sort((a, b) => splitOfWord(a)!.rank - splitOfWord(b)!.rank)[0];
}

/** Labels that are the same text in two Unicode forms are one class. */
function oneSpelling(entries: readonly Entry[]): Entry[] {
  const spellings = new Map<string, string>();
  for (const { label } of entries) {
    const key = label.normalize('NFC');
    const before = spellings.get(key);
    if (before === undefined || label < before) spellings.set(key, label);
  }
  return entries.map((entry) => ({ ...entry, label: spellings.get(entry.label.normalize('NFC'))! }));
}

/** The rows that a test tells are one set, with labels of its classes; the others are looked at too, and left out. */
async function setOf(
  file: string,
  entries: readonly Entry[],
  split: Split,
  isMine: (entry: Entry) => boolean,
  options: OpenOptions,
): Promise<ImageSet> {
  const mine = entries.filter(isMine);
  const classes = [...new Set(mine.map(({ label }) => label))].sort();
  const labels = new Map(classes.map((name, label) => [name, label]));
  // All of them, so that an image in two splits is told; those of another one have no label.
  const images = entries.map((entry) => ({ ...entry, label: isMine(entry) ? labels.get(entry.label)! : -1 }));
  const set = await listedSet({ file, root: path.dirname(file), split, classes, images }, options);
  const own = keepImages(set, ({ label }) => label >= 0);
  const isOrdinary = own.roles?.every(({ isQuery, isGallery }) => isQuery && isGallery) ?? true;
  return isOrdinary ? { ...own, roles: undefined } : own;
}

/** Rows of a split that another one is used in place of. */
function unused({ entries, valWord }: Manifest, file: string): PassedOver[] {
  const others = entries.filter(({ word }) => word !== valWord && splitOfWord(word ?? '')?.split === 'val');
  return others.map((entry) => ofOtherSplit(path.join(path.dirname(file), entry.path), `the split ${valWord}`));
}

export const manifest: DataFormat = {
  name: 'a manifest',
  layout: `a .csv file with the first line ${header}, and paths relative to it`,
  recognize: async (place) => !place.isFolder && /\.(csv|tsv)$/i.test(place.path) && !(await isPackFile(place.path)),
  async open({ path: file }, split, options) {
    const read = readEntries(file, await readText(file), options.refuse);
    const { entries, valWord } = read;
    if (entries.some(({ word }) => word === undefined)) {
      throw new UserError(
        `${file} has no column split. Add one with ${knownWords}, or take some of it for validation with --val-split.`,
      );
    }
    const isMine = ({ word }: Entry) => splitOfWord(word!)!.split === split && (split === 'train' || word === valWord);
    const set = await setOf(file, entries, split, isMine, options);
    const passedOver = split === 'val' ? unused(read, file) : [];
    return passedOver.length > 0 ? { ...set, passedOver } : set;
  },
  async openWhole({ path: file }, options) {
    const { entries, valWord } = readEntries(file, await readText(file), options.refuse);
    return valWord === undefined ? setOf(file, entries, 'train', () => true, options) : undefined;
  },
};
