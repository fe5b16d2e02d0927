/** What `dws check` prints. */
import path from 'node:path';
import { groupBy } from '../runner/base/group-by.js';
import { unusualTexts } from '../runner/survey/inspect.js';
import { searchTexts } from '../runner/data/search-sets.js';
import { listSome } from '../runner/base/list-some.js';
import { printableName } from '../runner/base/printable-name.js';
import type { SameContent, Spread, SplitSurvey, Survey } from '../runner/survey/survey.js';
import { count, counted, table } from './format.js';

const spreadText = ({ min, median, max }: Spread) =>
  min === max ? count(min) : `${count(min)} to ${count(max)}, median ${count(median)}`;

const rows: [name: string, cell: (split: SplitSurvey) => string][] = [
  ['images', ({ images }) => count(images)],
  ['classes', ({ classes }) => count(classes)],
  ['images a class', ({ imagesPerClass }) => spreadText(imagesPerClass)],
  ['width', ({ width }) => spreadText(width)],
  ['height', ({ height }) => spreadText(height)],
  ['cannot be read', ({ bad }) => count(bad.length)],
  ['unusual', ({ unusual }) => count(unusual.length)],
];

const roleRows: [name: string, cell: (split: SplitSurvey) => string][] = [
  ['queries', ({ roles, images }) => count(roles?.queries ?? images)],
  ['gallery', ({ roles, images }) => count(roles?.gallery ?? images)],
];

const sameContentTexts: Record<SameContent['kind'], string> = {
  'train and val': 'in train and in val: the evaluation meets what was trained on',
  'two classes': 'in two classes: one of the labels is wrong',
  'one class': 'more than once in a class',
};

/** A paragraph for each kind of items, the most frequent first. */
function paragraphs<T, Kind extends string>(
  items: readonly T[],
  kindOf: (item: T) => Kind,
  heading: (kind: Kind, count: number, first: T) => string,
  line: (item: T) => string,
): string[] {
  return [...groupBy(items, kindOf)]
    .sort(([, a], [, b]) => b.length - a.length)
    .map(([kind, members]) => `${heading(kind, members.length, members[0]!)}\n${listSome(members.map(line))}`);
}

/** Of what doesn't stop a training, since `--small-classes` says what becomes of it. */
const smallClassesTexts = (names: readonly string[]): string[] =>
  names.length === 0
    ? []
    : [
        `train: fewer images than --batch-k, left out or repeated as --small-classes says: ${count(names.length)}\n${listSome(names)}`,
      ];

/** The whole report; names are printable and relative to the data's folder. */
export function surveyText({ dataPath, format, splits, duplicates, stops }: Survey): string {
  const folder = /\.[ct]sv$/i.test(dataPath) ? path.dirname(dataPath) : dataPath;
  const local = (file: string) => path.relative(folder, file);
  const surveys = Object.values(splits);
  const shownRows = [...rows, ...(surveys.some(({ roles }) => roles) ? roleRows : [])];
  const parts = [
    `${printableName(dataPath)}: ${format}`,
    table([['', ...Object.keys(splits)], ...shownRows.map(([name, cell]) => [name, ...surveys.map(cell)])]),
    ...(splits.val ? searchTexts(splits.val.search).map((text) => `val: ${text}`) : []),
    ...paragraphs(
      surveys.flatMap(({ passedOver }) => passedOver),
      ({ kind }) => kind,
      (kind, number, { reason }) => `passed over, ${kind}: ${count(number)} (${reason})`,
      ({ path: file }) => local(file),
    ),
    ...paragraphs(
      surveys.flatMap(({ bad }) => bad),
      ({ kind }) => kind,
      (kind, number) => `cannot be read, ${kind}: ${count(number)}`,
      (image) => `${local(image.path)}: ${image.reason}`,
    ),
    ...paragraphs(
      surveys.flatMap(({ unusual }) =>
        unusual.flatMap(({ path: file, kinds }) => kinds.map((kind) => ({ file, kind }))),
      ),
      ({ kind }) => kind,
      (kind, number) => `unusual, ${kind}: ${count(number)} (${unusualTexts[kind]})`,
      ({ file }) => local(file),
    ),
    ...paragraphs(
      duplicates,
      ({ kind }) => kind,
      (kind, number) => `the same content: ${counted(number, 'image')} ${sameContentTexts[kind]}`,
      ({ paths }) => paths.map(local).join(' = '),
    ),
    ...(stops.length === 0 ? smallClassesTexts(splits.train?.smallClasses ?? []) : []),
    stops.length === 0 ? 'A training would run.' : `A training would stop:\n${stops.join('\n')}`,
  ];
  return parts.join('\n\n');
}
