/** The ImageFolder layout, as a row of the table of formats. */
import { openImageFolder } from '../data/folder.js';
import type { DataFormat } from './format.js';

export const imageFolder: DataFormat = {
  name: 'an image folder',
  layout: 'a folder with train/CLASS/ and val/CLASS/',
  recognize: ({ names }) => names.has('train') && names.has('val'),
  open: (place, split) => openImageFolder(place.path, split),
};
