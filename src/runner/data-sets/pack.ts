/** What `dws pack` has made of data of another format, as a row of the table of formats: all that is asked of it comes out as from there. */
import { UserError } from '../base/errors.js';
import type { Pack } from '../data/pack-file.js';
import { isPackFile, isUnchanged, openPack } from '../data/pack-file.js';
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

/** The one that was opened last, while anything of it is in use: each split asks for it. */
let last: WeakRef<Pack> | undefined;

/** Opens a pack, or gives the one that is open already. @throws UserError as `openPack` */
async function opened(file: string): Promise<Pack> {
  const known = last?.deref();
  if (known?.file === file && (await isUnchanged(known))) return known;
  const pack = await openPack(file);
  last = new WeakRef(pack);
  return pack;
}

export const pack: DataFormat = {
  name: 'a pack',
  layout: 'a file of decoded images that dws pack has made',
  recognize: ({ path, isFolder }) => !isFolder && isPackFile(path),
  async open({ path: file }, split) {
    const found = await opened(file);
    const set = packedSet(found, split);
    if (set) return set;
    const kind = found.views.some(({ name }) => name === 'whole') ? 'whole' : 'divided';
    throw new UserError(`${file} ${missing[split][kind]}`);
  },
  openWhole: async ({ path: file }) => packedSet(await opened(file), 'whole'),
};
