/** The ImageFolder layout, as a row of the table of formats. */
import { openClasses, openImageFolder } from '../data/folder.js';
import { chooseFolders } from '../data/split-names.js';
import path from 'node:path';
import type { DataFormat } from './format.js';

const foldersOf = (names: ReadonlySet<string>, split: 'train' | 'val') => chooseFolders([...names], split);

const has = (names: ReadonlySet<string>, split: 'train' | 'val'): boolean => {
  const { folder, roles } = foldersOf(names, split);
  return folder !== undefined || roles !== undefined;
};

/** Whether a folder has one of the splits: enough to be told what is missing. */
export const hasSplitFolder = (names: ReadonlySet<string>): boolean => has(names, 'train') || has(names, 'val');

export const imageFolder: DataFormat = {
  name: 'an image folder',
  layout: 'a folder with train/CLASS/ and val/CLASS/',
  // CARS-196 has train/ and test/ too; a folder with these alone is one of images where it is nothing else.
  recognize: ({ names }) => names.has('train') && names.has('val'),
  open: (place, split, { refuse }) => openImageFolder(place.path, split, refuse),
  openWhole: async ({ path: root, names }, { refuse }) => {
    if (has(names, 'val')) return undefined;
    const { folder } = foldersOf(names, 'train');
    const classes = folder === undefined ? root : path.join(root, folder);
    return openClasses(classes, 'train', `Classes are folders of images.`, refuse);
  },
};
