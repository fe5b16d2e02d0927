/** Stanford Online Products (Oh Song et al., CVPR 2016): 120,053 photos of 22,634 products, with the split of its own. */
import path from 'node:path';
import type { Refuse, Split } from '../data/folder.js';
import { UserError } from '../base/errors.js';
import type { DataFormat } from './format.js';
import type { Problem } from './lines.js';
import { quoted, readLines, requireNone } from './lines.js';
import type { ListedImage } from './listed.js';
import { listedSet } from './listed.js';
import { requireNames } from './require-names.js';

const files: Record<Split, string> = { train: 'Ebay_train.txt', val: 'Ebay_test.txt' };
const header = 'image_id class_id super_class_id path';

interface Product {
  line: number;
  classId: number;
  path: string;
}

async function readProducts(folder: string, name: string, refuse?: Refuse): Promise<Product[]> {
  const file = path.join(folder, name);
  const [first, ...rest] = await readLines(folder, name);
  if (first?.text.split(/[ \t]+/).join(' ') !== header) {
    throw new UserError(`${file}: its first line is not "${header}". Unpack the archive once more.`);
  }
  const problems: Problem[] = [];
  const products = rest.flatMap(({ number: line, text }) => {
    const found = /^(\d{1,9})[ \t]+(\d{1,9})[ \t]+(\d{1,9})[ \t]+(\S.*)$/.exec(text);
    if (found) return [{ line, classId: Number(found[2]), path: found[4]! }];
    problems.push({ line, text: `${quoted(text)} is not three numbers and a path` });
    return [];
  });
  requireNone(file, problems, `Each line is: ${header}`, refuse);
  return products;
}

export const products: DataFormat = {
  name: 'Stanford Online Products',
  layout: `its folder with ${Object.values(files).join(', ')} and the folders of images that they name`,
  recognize: ({ names }) => Object.values(files).some((name) => names.has(name)),
  async open(place, split, options) {
    requireNames(place, products, Object.values(files));
    const rows = await readProducts(place.path, files[split], options.refuse);
    const ids = [...new Set(rows.map(({ classId }) => classId))].sort((a, b) => a - b);
    const labels = new Map(ids.map((id, label) => [id, label]));
    const images: ListedImage[] = rows.map((row) => ({ ...row, label: labels.get(row.classId)! }));
    const file = path.join(place.path, files[split]);
    return listedSet({ file, root: place.path, split, classes: ids.map(String), images }, options);
  },
};
