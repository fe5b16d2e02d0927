/** CARS-196 (Krause et al., 2013) as class folders, in one folder or in the halves train/ and test/ of its classification task. */
import { access } from 'node:fs/promises';
import path from 'node:path';
import type { ImageSet, Split } from '../data/folder.js';
import { classFolders, refuseAtOnce, requireImages } from '../data/folder.js';
import { findBelow, listFolder } from '../data/listing.js';
import type { PassedOver } from '../data/passed-over.js';
import { UserError } from '../base/errors.js';
import { errorCode, fileError } from '../base/files.js';
import type { DataFormat, OpenOptions, Place } from './format.js';

const classCount = 196;

/** By code unit the order of the makes is that of the original numbers, so that the first half is the same 98 classes. */
const classesASplit = 98;
const firstClass: Record<Split, number> = { train: 0, val: classesASplit };

/** The first class, which no other data set has. */
const sign = 'AM General Hummer SUV 2000';
const halves = ['train', 'test'];

const originals = ['cars_train', 'cars_test', 'car_ims', 'cars_annos.mat'];

const layout = `${classCount} class folders ("${sign}" ...), in one folder or in ${halves.join('/ and ')}/`;

async function exists(name: string): Promise<boolean> {
  try {
    await access(name);
    return true;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '')) return false;
    throw fileError(`can't read ${name}`, error);
  }
}

/** Whether one of the halves is there; with val/ beside it somebody has made a split of their own. */
async function hasHalf({ path: root, names }: Place): Promise<boolean> {
  if (names.has('val')) return false;
  return (await Promise.all(halves.map((half) => exists(path.join(root, half, sign))))).includes(true);
}

/** Folders that class folders are in. @throws UserError when one of the halves is missing */
function classParents({ path: root, names }: Place): string[] {
  if (names.has(sign)) return [root];
  const missing = halves.find((half) => !names.has(half));
  if (missing === undefined) return halves.map((half) => path.join(root, half));
  throw new UserError(`${root} looks like CARS-196, but ${missing}/ is missing. Give ${layout}.`);
}

async function openCars(place: Place, split: Split, { refuse = refuseAtOnce }: OpenOptions): Promise<ImageSet> {
  if (originals.some((name) => place.names.has(name))) {
    throw new UserError(
      `${place.path} holds CARS-196 with its labels in MATLAB files, which are not read. ` +
        `Give ${layout}, or list the images in a .csv manifest (path,label,split).`,
    );
  }
  const parents = classParents(place);
  const all = new Set<string>();
  for (const parent of parents) {
    const found = await classFolders(await listFolder(parent, parent), parent);
    for (const name of found.classes) all.add(name);
  }
  if (all.size !== classCount) {
    throw new UserError(
      `${place.path} looks like CARS-196, but holds ${all.size} class folders instead of ${classCount}. Give ${layout}.`,
    );
  }
  const classes = [...all].sort().slice(firstClass[split], firstClass[split] + classesASplit);
  const set: ImageSet = { root: place.path, split, classes, images: [] };
  const passedOver: PassedOver[] = [];
  for (const [label, name] of classes.entries()) {
    for (const parent of parents.toSorted()) {
      const folder = path.join(parent, name);
      const found = await findBelow(folder, `class folder ${folder}`);
      for (const file of found.images.sort()) set.images.push({ path: path.join(folder, file), label });
      for (const each of found.passedOver) passedOver.push(each);
    }
  }
  return requireImages(passedOver.length > 0 ? { ...set, passedOver } : set, refuse);
}

export const cars: DataFormat = {
  name: 'CARS-196',
  layout,
  recognize: (place) => [sign, ...originals].some((name) => place.names.has(name)) || hasHalf(place),
  open: openCars,
};
