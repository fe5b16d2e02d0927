/** What `--data-path` names -> the images of a split, whatever the format. */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { DataFormat, OpenOptions, Place } from './format.js';
import { dataFormats } from './formats.js';
import { hasSplitFolder, imageFolder } from './image-folder.js';
import { UserError } from '../base/errors.js';
import type { ImageSet, Refuse, Split } from '../data/folder.js';
import { refuseAtOnce, requireUsable } from '../data/folder.js';
import { divide } from '../data/divide.js';
import { findBelow, isFolder, listFolder } from '../data/listing.js';
import { isHiddenName } from '../data/passed-over.js';
import { parseValSplit } from '../base/val-split.js';
import { requirePaths } from '../base/require-paths.js';

const known = dataFormats.map(({ name, layout }) => `\n  ${name}: ${layout}`).join('');

async function lookAt(dataPath: string): Promise<Place> {
  const absolute = path.resolve(dataPath);
  const found = await stat(absolute).catch(() => undefined);
  if (found?.isFile()) return { path: absolute, isFolder: false, names: new Set() };
  const entries = await listFolder(absolute, `the data ${absolute}`, 'Check the path.');
  return { path: absolute, isFolder: true, names: new Set(entries.map(({ name }) => name)) };
}

async function formatsOf(place: Place): Promise<DataFormat[]> {
  const recognized = await Promise.all(dataFormats.map((format) => format.recognize(place)));
  return dataFormats.filter((_, index) => recognized[index]);
}

/** A file that is no data says nothing of layouts of folders. */
async function fileComplaint({ path: file }: Place): Promise<string> {
  const { size } = await stat(file);
  const what = size === 0 ? 'is empty' : "doesn't begin as a pack does, and is no .csv list of images either";
  return `${file} ${what}. If it was a pack, it is damaged: take another copy of the file, or pack the images again.`;
}

/** Folders inside that are data sets themselves: archives unpack into one, people name the folder around it. */
async function dataInside(place: Place): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await listFolder(place.path, place.path)) {
    if (isHiddenName(entry.name) || !(await isFolder(entry, place.path))) continue;
    const inside = await lookAt(path.join(place.path, entry.name)).catch(() => undefined);
    if (inside && (await formatsOf(inside)).length > 0) found.push(inside.path);
  }
  return found;
}

/** Whether there are folders of images inside, which may be classes. */
async function hasClassFolders(place: Place): Promise<boolean> {
  for (const entry of await listFolder(place.path, place.path)) {
    if (isHiddenName(entry.name) || !(await isFolder(entry, place.path))) continue;
    const { images } = await findBelow(path.join(place.path, entry.name), entry.name);
    if (images.length > 0) return true;
  }
  return false;
}

/**
 * Tells by its files which format data has.
 *
 * @param isDivided whether no split is asked of it, as where `--val-split` makes one: then class folders are enough
 * @throws UserError when it is none that is known, or may be more than one
 */
export async function recognizeData(
  dataPath: string,
  isDivided = false,
): Promise<{ format: DataFormat; place: Place }> {
  const place = await lookAt(dataPath);
  const [format, ...others] = await formatsOf(place);
  if (others.length > 0) {
    const names = [format!, ...others].map(({ name }) => name).join(' and ');
    throw new UserError(
      `${place.path} may be ${names}. Move the files of one of them elsewhere, or list the images in a .csv manifest.`,
    );
  }
  if (format) return { format, place };
  if (!place.isFolder) throw new UserError(await fileComplaint(place));
  if (hasSplitFolder(place.names)) return { format: imageFolder, place };
  const inside = await dataInside(place);
  if (inside.length > 0)
    throw new UserError(`${place.path} is no data set, but holds one. Give ${inside.join(' or ')}.`);
  if (await hasClassFolders(place)) {
    if (isDivided) return { format: imageFolder, place };
    throw new UserError(
      `${place.path} has no train/ and val/, but folders of images. If these are classes, --val-split classes:0.3 takes some of ` +
        `them for validation, --val-split images:0.2 some images of each, and --eval-every 0 trains on all without any.`,
    );
  }
  throw new UserError(`${place.path} is no data set that is known. Give one of these:${known}`);
}

/** The whole of data that has no split of its own, to be divided. @throws UserError where it has one and `valSplit` is given */
async function openWhole(
  { format, place }: { format: DataFormat; place: Place },
  options: OpenOptions,
): Promise<ImageSet | undefined> {
  const whole = await format.openWhole?.(place, options);
  if (whole || options.valSplit === undefined) return whole;
  throw new UserError(
    `--val-split ${options.valSplit}: ${place.path} is ${format.name} with a split of its own. Leave the option out.`,
  );
}

/** Refuses a part that is too little, naming the option. */
function requireShare(set: ImageSet, valSplit: string, refuse: Refuse): void {
  const advice = set.split === 'val' ? ' Take a larger share.' : '';
  requireUsable(set, ({ message }) => refuse(new UserError(`--val-split ${valSplit}: ${message}${advice}`)));
}

/**
 * Lists a split of an image folder, CUB-200-2011, CARS-196, Stanford Online Products or a CSV manifest.
 *
 * @param dataPath the folder, or the manifest's file
 * @throws UserError when it is none of these, when files are missing, when a list has lines that can't be used or paths
 *   that leave its folder, when `valSplit` is given for data with a split of its own, and when there is too little in the split to
 *   train on or to evaluate with
 */
export async function openData(dataPath: string, split: Split, options: OpenOptions = {}): Promise<ImageSet> {
  requirePaths('openData', { dataPath });
  const { valSplit, valSplitElse, refuse = refuseAtOnce } = options;
  const text = valSplit ?? valSplitElse;
  const how = text === undefined ? undefined : parseValSplit(text);
  const found = await recognizeData(dataPath, how !== undefined);
  const whole = how && (await openWhole(found, options));
  const set = whole ? divide(whole, how, split) : await found.format.open(found.place, split, options);
  if (set.images.length === 0) throw new UserError(`${found.place.path} holds no image for the split ${split}.`);
  if (whole) requireShare(set, text!, refuse);
  else requireUsable(set, refuse);
  return set;
}

/** What a training takes that evaluates nothing: the split, or all images of data that says nothing of validation. */
async function openWithoutVal(dataPath: string, options: OpenOptions): Promise<ImageSet> {
  if (options.valSplit !== undefined) return openData(dataPath, 'train', options);
  const { format, place } = await recognizeData(dataPath, true);
  const set = (await format.openWhole?.(place, options)) ?? (await format.open(place, 'train', options));
  requireUsable(set);
  return set;
}

/** No validation images: for a training that evaluates nothing. */
const none = (dataPath: string): ImageSet => ({ root: path.resolve(dataPath), split: 'val', classes: [], images: [] });

/**
 * Both splits of a training.
 *
 * @param evaluates whether there will be evaluations: without, no validation images are looked for
 * @throws UserError as `openData`
 */
export async function openSplits(
  dataPath: string,
  evaluates: boolean,
  options: OpenOptions,
): Promise<{ train: ImageSet; val: ImageSet }> {
  if (!evaluates) return { train: await openWithoutVal(dataPath, options), val: none(dataPath) };
  return { train: await openData(dataPath, 'train', options), val: await openData(dataPath, 'val', options) };
}
