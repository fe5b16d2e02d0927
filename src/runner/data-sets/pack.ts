/** What `dws pack` has made of data of another format, as a row of the table of formats: all that is asked of it comes out as from there. */
import { UserError } from '../base/errors.js';
import { isPackFile, openPack } from '../data/pack-file.js';
import { packedSet } from '../data/packed-set.js';
import type { Split } from '../data/folder.js';
import type { DataFormat } from './format.js';

/** Of a pack without the split, by whether its data was divided at all. */
const missing: Record<Split, Record<'whole' | 'divided', string>> = {
  train: {
    whole:
      'has no split, but images of classes: --val-split classes:0.3 takes some of the classes for validation, --val-split images:0.2 ' +
      'some images of each, and --eval-every 0 trains on all without any.',
    divided: 'has no images to train on. Pack data that has.',
  },
  val: {
    whole: 'has no validation images. --val-split takes some of its images for it, and --eval-every 0 does without.',
    divided: 'has no validation images. Pack data that has, or do without by --eval-every 0.',
  },
};

export const pack: DataFormat = {
  name: 'a pack',
  layout: 'a file of decoded images that dws pack has made',
  recognize: ({ path, isFolder }) => !isFolder && isPackFile(path),
  async open({ path: file }, split) {
    const opened = await openPack(file);
    const set = packedSet(opened, split);
    if (set) return set;
    const kind = opened.views.some(({ name }) => name === 'whole') ? 'whole' : 'divided';
    throw new UserError(`${file} ${missing[split][kind]}`);
  },
  openWhole: async ({ path: file }) => packedSet(await openPack(file), 'whole'),
};
