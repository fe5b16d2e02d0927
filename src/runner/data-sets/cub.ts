/** CUB-200-2011 (Wah et al., 2011): 11,788 birds of 200 species, as its archive unpacks. */
import path from 'node:path';
import type { Split } from '../data/folder.js';
import { UserError } from '../base/errors.js';
import type { DataFormat, Place } from './format.js';
import type { Line, Problem } from './lines.js';
import { quoted, readLines, requireNone } from './lines.js';
import { listedSet } from './listed.js';
import { requireNames } from './require-names.js';

const names = ['images.txt', 'image_class_labels.txt', 'classes.txt', 'images'] as const;
const [imagesFile, labelsFile, classesFile, imagesFolder] = names;

const classCount = 200;

/** The split of the metric learning papers (Oh Song et al., CVPR 2016): the first half of the classes against the second. */
const firstClass: Record<Split, number> = { train: 1, val: 101 };
const classesASplit = 100;

interface Row {
  line: number;
  value: string;
}

/** Lines `ID VALUE`, by their id. */
function byId(file: string, lines: readonly Line[], value: string): Map<number, Row> {
  const rows = new Map<number, Row>();
  const problems: Problem[] = [];
  for (const { number: line, text } of lines) {
    const found = /^(\d{1,9}) +(\S.*)$/.exec(text);
    const id = Number(found?.[1]);
    const before = rows.get(id);
    if (!found) problems.push({ line, text: `${quoted(text)} is not a number and ${value}` });
    else if (before) problems.push({ line, text: `number ${id} is in line ${before.line} already` });
    else rows.set(id, { line, value: found[2]! });
  }
  requireNone(file, problems, `Unpack the archive of CUB-200-2011 once more.`);
  return rows;
}

async function classNames(place: Place): Promise<string[]> {
  const file = path.join(place.path, classesFile);
  const rows = byId(file, await readLines(place.path, classesFile), 'the name of a class');
  const numbers = Array.from({ length: classCount }, (_, index) => index + 1);
  const missing = numbers.filter((id) => !rows.has(id));
  if (missing.length > 0 || rows.size > classCount) {
    throw new UserError(
      `${file} names ${rows.size} classes${missing.length > 0 ? `, and none with number ${missing[0]}` : ''}: ` +
        `CUB-200-2011 has ${classCount}, numbered from 1. Unpack its archive once more, or list other data in a .csv manifest.`,
    );
  }
  return numbers.map((id) => rows.get(id)!.value);
}

export const cub: DataFormat = {
  name: 'CUB-200-2011',
  layout: `its folder with ${names.slice(0, -1).join(', ')} and ${imagesFolder}/`,
  recognize: (place) => place.names.has(labelsFile) || (place.names.has(imagesFile) && place.names.has(classesFile)),
  async open(place, split, options) {
    requireNames(place, cub, names);
    const classes = await classNames(place);
    const [files, labels] = [path.join(place.path, imagesFile), path.join(place.path, labelsFile)];
    const images = byId(files, await readLines(place.path, imagesFile), 'the path of an image');
    const classIds = byId(labels, await readLines(place.path, labelsFile), 'the number of a class');
    const strange = [...classIds.values()].flatMap(({ line, value }) =>
      /^\d{1,3}$/.test(value) && Number(value) >= 1 && Number(value) <= classCount
        ? []
        : [{ line, text: `${quoted(value)} is not the number of a class, 1 to ${classCount}` }],
    );
    requireNone(labels, strange, `The classes are those of ${classesFile}.`);
    const alone = [...images].flatMap(([id, { line }]) =>
      classIds.has(id) ? [] : [{ line, text: `image ${id} has no class in ${labelsFile}` }],
    );
    requireNone(files, alone, 'Unpack the archive of CUB-200-2011 once more.');
    const first = firstClass[split];
    const listed = [...images].flatMap(([id, { line, value }]) => {
      const label = Number(classIds.get(id)!.value) - first;
      return label >= 0 && label < classesASplit ? [{ line, path: value, label }] : [];
    });
    const root = path.join(place.path, imagesFolder);
    const inSplit = classes.slice(first - 1, first - 1 + classesASplit);
    return listedSet({ file: files, root, split, classes: inSplit, images: listed }, options);
  },
};
