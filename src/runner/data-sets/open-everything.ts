/** All that can be asked of data, for who keeps it elsewhere. */
import { UserError } from '../base/errors.js';
import type { ImageSet, Split } from '../data/folder.js';
import { chooseFolders } from '../data/split-names.js';
import type { DataFormat, OpenOptions, Place } from './format.js';
import { imageFolder } from './image-folder.js';
import { recognizeData } from './open-data.js';

export interface Everything {
  format: DataFormat;
  place: Place;
  /** The data's own splits, and all of data that says nothing of validation. */
  sets: Partial<Record<Split | 'whole', ImageSet>>;
}

/** Whether a folder of that split is there, in data that may have one alone. */
function hasSplit({ format, place }: { format: DataFormat; place: Place }, split: Split): boolean {
  if (format !== imageFolder) return true;
  const { folder, roles } = chooseFolders([...place.names], split);
  return folder !== undefined || roles !== undefined;
}

/**
 * Lists the splits that data has, and the whole of it where `--val-split` may divide it.
 *
 * @throws UserError as `openData`, for any of them
 */
export async function openEverything(dataPath: string, options: OpenOptions): Promise<Everything> {
  const found = await recognizeData(dataPath, true);
  const { format, place } = found;
  const whole = await format.openWhole?.(place, options);
  const sets: Everything['sets'] = whole ? { whole } : {};
  for (const split of ['train', 'val'] as const) {
    if (!hasSplit(found, split) || (whole && split === 'val')) continue;
    const set = await openSplit(found, split, options, whole);
    if (set && set.images.length > 0) sets[split] = set;
  }
  return { ...found, sets };
}

/** Undefined where all has been opened and nothing is told of splits: a list without such a column. */
async function openSplit(
  { format, place }: Pick<Everything, 'format' | 'place'>,
  split: Split,
  options: OpenOptions,
  whole: ImageSet | undefined,
): Promise<ImageSet | undefined> {
  if (!whole) return format.open(place, split, options);
  try {
    return await format.open(place, split, options);
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}
