/** Lists of images that come with a data set, or that somebody wrote: also, no image that they name lies outside. */
import { realpathSync } from 'node:fs';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { openData } from '../../../src/runner/data-sets/open-data.js';
import type { Target } from '../target.js';
import { textSeed } from '../target.js';

const tokens = [
  ...['../', '/', '\\', '..\\', 'out/1.jpg', 'out.jpg', '.', './/', 'C:', '\0', '"', '""', "'", ',', ';', '\t', ' '],
  ...[
    '\n',
    '\r',
    '\r\n',
    '\ufeff',
    '\u2028',
    '\u202e',
    '\ud83d',
    '-1',
    '1e9',
    '__proto__',
    'train',
    'val',
    'path,label,split',
  ],
].map((text) => Buffer.from(text));

/** The real path, or the path itself where nothing is. */
function real(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    return file;
  }
}

interface List {
  name: string;
  /** The list that is changed. */
  file: string;
  text: string;
  /** Other lists, and images, beside it. */
  others: Record<string, string>;
  /** What `--data-path` names, below the folder. */
  open: string;
  /** Folder that images may not leave, below the folder. */
  inside: string;
}

async function write(folder: string, files: Record<string, string>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(folder, name)), { recursive: true });
    await writeFile(path.join(folder, name), text);
  }
}

const listTarget = ({ name, file, text, others, open, inside }: List): Target => ({
  name,
  tokens,
  listsLines: true,
  seeds: async (folder) => {
    await write(folder, { 'secret.jpg': '', 'outside/1.jpg': '' });
    const home = path.join(folder, 'home');
    await write(home, others);
    await symlink(path.join(folder, 'outside'), path.join(home, inside, 'out'));
    await symlink(path.join(folder, 'secret.jpg'), path.join(home, inside, 'out.jpg'));
    return [textSeed(text)];
  },
  read: async (bytes, folder) => {
    const home = path.join(folder, 'home');
    await writeFile(path.join(home, file), bytes);
    const root = realpathSync(path.join(home, inside));
    // One input of two is read as with --skip-bad, which keeps missing files.
    const skipBad = bytes.length % 2 === 1;
    for (const split of ['train', 'val'] as const) {
      const { images, classes } = await openData(path.join(home, open), split, { skipBad });
      for (const { path: image, label } of images) {
        if (!real(image).startsWith(root + path.sep)) throw new Error(`an image outside of its folder: ${image}`);
        if (typeof classes[label] !== 'string') throw new Error(`an image of no class: ${image}`);
      }
    }
  },
});

/** CUB-200-2011 with two images a class; in the order of the ids, which is not that of the classes. */
const birds = Array.from({ length: 200 }, (_, i) => `${String(i + 1).padStart(3, '0')}.Bird`);
const birdImages = Array.from({ length: 400 }, (_, i) => `${birds[i % 200]}/${i}.jpg`);
const numbered = (values: readonly (string | number)[]) => values.map((value, i) => `${i + 1} ${value}\n`).join('');
const cub: Record<string, string> = {
  'classes.txt': numbered(birds),
  'images.txt': numbered(birdImages),
  'image_class_labels.txt': numbered(birdImages.map((_, i) => (i % 200) + 1)),
};
const birdFiles = Object.fromEntries(birdImages.map((image) => [`images/${image}`, '']));

const photos = Array.from({ length: 8 }, (_, i) => `a/${i + 1}.jpg`);
const photoFiles = Object.fromEntries(photos.map((photo) => [photo, '']));
const products = (first: number) =>
  `image_id class_id super_class_id path\n${[0, 1, 2, 3].map((i) => `${first + i} ${first + (i >> 1)} 1 ${photos[first + i - 1]}\n`).join('')}`;
const csv = `path,label,split\n${photos.map((photo, i) => `${i % 2 ? photo : `"${photo}"`},c${(i >> 1) % 2},${i < 4 ? 'train' : 'val'}\n`).join('')}`;

export const lists: Target[] = [
  ...Object.entries(cub).map(([file, text]) =>
    listTarget({ name: `cub-${file}`, file, text, others: { ...cub, ...birdFiles }, open: '.', inside: 'images' }),
  ),
  listTarget({
    ...{ name: 'products', file: 'Ebay_train.txt', text: products(1), open: '.', inside: '.' },
    others: { ...photoFiles, 'Ebay_test.txt': products(5) },
  }),
  listTarget({ name: 'manifest', file: 'list.csv', text: csv, others: photoFiles, open: 'list.csv', inside: '.' }),
];
