/** The ImageFolder layout: DATA/{train,val}/CLASS/.../IMAGE, as torchvision's ImageFolder reads it. */
import type { Dirent } from 'node:fs';
import path from 'node:path';
import { UserError } from '../base/errors.js';
import { listSome } from '../base/list-some.js';
import { imageExtensions } from './image-formats.js';
import { findBelow, holdsImage, isFolder, listFolder, whyPassedOver } from './listing.js';
import type { Pack } from './pack-file.js';
import type { PassedOver } from './passed-over.js';
import { besideTheSplits, hidden, inNoClass, isHiddenName, ofOtherSplit, passedOverLines } from './passed-over.js';
import type { Split } from './split-names.js';
import { chooseFolders, isSplitName, splitNames } from './split-names.js';

export type { Split } from './split-names.js';

/** What an image is in an evaluation: looked for, or among those that are searched, or both. */
export interface ImageRole {
  isQuery: boolean;
  isGallery: boolean;
}

/** The images of a split and their classes. */
export interface ImageSet {
  /** The folder that holds the images, absolute: of an image folder the split's. */
  root: string;
  split: Split;
  /** Names of the classes, in an order of their own (of class folders by code unit): a class's place is its label. */
  classes: string[];
  /** By class, then by path by code unit; `path` is absolute. */
  images: { path: string; label: number }[];
  /** Of each image; undefined where every image is a query and in the gallery. */
  roles?: ImageRole[];
  /** What lies between the images and is not used. */
  passedOver?: PassedOver[];
  /** What the images are read from, where that is no folder: their paths lead into it. @internal */
  pack?: Pack;
}

/** Hears of what keeps data from being used though it can be listed. By default, the error is thrown. */
export type Refuse = (error: UserError) => void;

export const refuseAtOnce: Refuse = (error) => {
  throw error;
};

/** What errors call the place of a set: its folder, or its pack, in which there are no folders, and what the folder was called. */
export const nameOfSet = ({ root, pack }: ImageSet): string =>
  pack && root !== pack.file ? `${pack.file} (${path.relative(pack.file, root)})` : root;

/** The set with some of its images; classes keep their labels. */
export function keepImages(set: ImageSet, isKept: (image: ImageSet['images'][number]) => boolean): ImageSet {
  const { images, roles } = set;
  return {
    ...set,
    images: images.filter(isKept),
    ...(roles && { roles: roles.filter((_, i) => isKept(images[i]!)) }),
  };
}

/** The set without classes that have no image; the others are numbered anew. */
export function filledClasses(set: ImageSet): ImageSet {
  const filled = [...new Set(set.images.map(({ label }) => label))].sort((a, b) => a - b);
  const labels = new Map(filled.map((label, place) => [label, place]));
  return {
    ...set,
    classes: filled.map((label) => set.classes[label]!),
    images: set.images.map((image) => ({ ...image, label: labels.get(image.label)! })),
  };
}

/**
 * Advice on a set of one class whose images lie in folders of their own: most likely these are the classes, and the folder that was
 * given is one too high. Empty otherwise.
 */
export function oneTooHigh({ root, classes, images, pack }: ImageSet): string {
  if (classes.length !== 1 || pack) return '';
  const inside = path.join(root, classes[0]!);
  const folders = new Set(
    images
      .map((image) => path.relative(inside, image.path).split(path.sep))
      .flatMap(([first, ...rest]) => (rest.length > 0 ? [first!] : [])),
  );
  return folders.size < 2
    ? ''
    : ` It holds ${folders.size} folders of images: if these are the classes, give ${inside}.`;
}

/** What a split must hold to be of any use: the rule, and what the error says when it is broken. */
const requirements: Record<Split, { holds: (set: ImageSet) => boolean; otherwise: string }> = {
  train: {
    holds: (set) => classSizes(set).filter((size) => size > 0).length >= 2,
    otherwise: 'holds images of one class only: training needs negatives, so at least two classes',
  },
  val: {
    holds: hasAnswer,
    otherwise: 'has no class with two images: an image can only be found by another one of its class',
  },
};

/** Whether some query has another image of its class in the gallery. */
function hasAnswer(set: ImageSet): boolean {
  const { images, roles } = set;
  if (!roles) return classSizes(set).some((size) => size >= 2);
  const gallery = classSizes(keepRole(set, 'isGallery'));
  return images.some(({ label }, i) => {
    const { isQuery, isGallery } = roles[i]!;
    return isQuery && gallery[label]! > (isGallery ? 1 : 0);
  });
}

const keepRole = (set: ImageSet, role: keyof ImageRole): ImageSet => ({
  ...set,
  images: set.images.filter((_, i) => set.roles![i]![role]),
});

/** How many images each class has. */
export function classSizes(set: ImageSet): number[] {
  const sizes = new Array<number>(set.classes.length).fill(0);
  for (const { label } of set.images) sizes[label]!++;
  return sizes;
}

/** Refuses a set with too little in it to train on or to evaluate with. */
export function requireUsable(set: ImageSet, refuse: Refuse = refuseAtOnce): void {
  const { holds, otherwise } = requirements[set.split];
  if (set.images.length === 0) refuse(new UserError(`${nameOfSet(set)} holds no image that can be read.`));
  else if (holds(set)) return;
  else if (!set.roles) refuse(new UserError(`${nameOfSet(set)} ${otherwise}.${oneTooHigh(set)}`));
  else refuse(new UserError(`${nameOfSet(set)} has no query with another image of its class in the gallery.`));
}

/** Names of the class folders inside of a folder, sorted by code unit, and what lies beside them. */
export async function classFolders(
  entries: readonly Dirent[],
  folder: string,
): Promise<{ classes: string[]; passedOver: PassedOver[] }> {
  const classes: string[] = [];
  const passedOver: PassedOver[] = [];
  for (const entry of entries) {
    const place = path.join(folder, entry.name);
    if (isHiddenName(entry.name)) passedOver.push(hidden(place));
    else if (await isFolder(entry, folder)) classes.push(entry.name);
    else passedOver.push((await whyPassedOver(place)) ?? inNoClass(place));
  }
  return { classes: classes.sort(), passedOver };
}

/**
 * Refuses class folders without any image, as torchvision's ImageFolder does: `error` lists them, and what is in them.
 *
 * @returns the set without them
 */
export function requireImages(set: ImageSet, refuse: Refuse): ImageSet {
  const { root, classes, passedOver = [] } = set;
  const sizes = classSizes(set);
  const empty = classes.filter((_, label) => sizes[label] === 0);
  if (empty.length === 0) return set;
  const within = new Set(empty.map((name) => path.join(root, name)));
  const there = passedOver.filter((each) =>
    within.has(path.join(root, path.relative(root, each.path).split(path.sep)[0]!)),
  );
  const lines = passedOverLines(there, root);
  refuse(
    new UserError(
      `${root}: ${empty.length} of ${classes.length} class folders hold no image:\n${listSome(empty)}\n` +
        (lines.length > 0 ? `They hold:\n${lines.map((line) => `  ${line}`).join('\n')}\n` : '') +
        `Remove them or add images (${imageExtensions.join(' ')}).`,
    ),
  );
  return filledClasses(set);
}

/**
 * Lists class folders.
 *
 * @param advice sentence behind the errors
 * @param refuse hears of empty class folders, which are left out where it does not throw
 * @throws UserError when the folder is missing or unreadable, or has no class folder
 */
export async function openClasses(
  root: string,
  split: Split,
  advice: string,
  refuse: Refuse = refuseAtOnce,
): Promise<ImageSet> {
  const { classes, passedOver } = await classFolders(await listFolder(root, root, advice), root);
  if (classes.length === 0) {
    const lines = passedOverLines(passedOver, root);
    const there = lines.length > 0 ? ` It holds:\n${lines.map((line) => `  ${line}`).join('\n')}\n` : ' ';
    throw new UserError(`${root} has no class folders inside.${there}${advice}`);
  }
  const set: ImageSet = { root, split, classes, images: [] };
  for (const [label, name] of classes.entries()) {
    const folder = path.join(root, name);
    const found = await findBelow(folder, `class folder ${folder}`);
    for (const file of found.images.sort()) set.images.push({ path: path.join(folder, file), label });
    for (const each of found.passedOver) passedOver.push(each);
  }
  return requireImages(passedOver.length > 0 ? { ...set, passedOver } : set, refuse);
}

/** Joins the classes of two folders: queries, and the gallery that they are looked for in. */
async function openRoles(
  dataRoot: string,
  folders: { query: string; gallery: string },
  advice: string,
  refuse: Refuse,
) {
  const [query, gallery] = [
    await openClasses(path.join(dataRoot, folders.query), 'val', advice, refuse),
    await openClasses(path.join(dataRoot, folders.gallery), 'val', advice, refuse),
  ];
  const classes = [...new Set([...query.classes, ...gallery.classes])].sort();
  const labels = new Map(classes.map((name, label) => [name, label]));
  const of = ({ images, classes: own }: ImageSet, role: ImageRole) =>
    images.map((image) => ({ path: image.path, label: labels.get(own[image.label]!)!, role }));
  const all = [
    ...of(query, { isQuery: true, isGallery: false }),
    ...of(gallery, { isQuery: false, isGallery: true }),
  ].sort((a, b) => a.label - b.label || (a.path < b.path ? -1 : 1));
  const passedOver = [...(query.passedOver ?? []), ...(gallery.passedOver ?? [])];
  const set: ImageSet = {
    ...{ root: dataRoot, split: 'val' as const, classes },
    images: all.map(({ path: file, label }) => ({ path: file, label })),
    roles: all.map(({ role }) => role),
  };
  return passedOver.length > 0 ? { ...set, passedOver } : set;
}

const layout = (dataPath: string) => `Images belong in ${path.join(dataPath, '{train,val}', 'CLASS')}/.`;

/** Images, and folders of them, that lie in no split. */
async function besideSplits(entries: readonly Dirent[], dataRoot: string): Promise<PassedOver[]> {
  const beside: PassedOver[] = [];
  for (const entry of entries) {
    if (isSplitName(entry.name) || !(await holdsImage(entry, dataRoot))) continue;
    beside.push(besideTheSplits(path.join(dataRoot, entry.name)));
  }
  return beside;
}

/**
 * Lists one split of an image folder: `train` or `training`; `val`, `valid`, `validation` or `test`, or `query` with `gallery`; in
 * any case. Each folder inside is a class, with all images in it at any depth; links are followed. Files are images by the ending
 * of their name, or by their first bytes where it does not tell; others are listed as passed over, hidden ones too.
 *
 * @param dataPath the folder with `train` and `val` inside
 * @param refuse hears of empty class folders, which are left out where it does not throw, and of too little in the split
 * @throws UserError when a folder is missing or unreadable, when the split or a class folder is empty, when `train` has
 * one class only, or when no class of `val` has two images
 */
export async function openImageFolder(
  dataPath: string,
  split: Split,
  refuse: Refuse = refuseAtOnce,
): Promise<ImageSet> {
  const dataRoot = path.resolve(dataPath);
  const advice = layout(dataRoot);
  const inside = await listFolder(dataRoot, `data folder ${dataRoot}`, advice);
  const names = inside.map(({ name }) => name);
  const { folder, roles, others } = chooseFolders(names, split);
  if (folder === undefined && !roles) {
    const folders = names.filter((name) => !isHiddenName(name)).sort();
    const there = folders.length > 0 ? ` It holds:\n${listSome(folders)}\n` : ' ';
    const instead = split === 'val' ? ' --val-split takes some of train/ for it, and --eval-every 0 does without.' : '';
    throw new UserError(`${dataRoot} has no folder ${splitNames[split]}.${there}${advice}${instead}`);
  }
  const set = roles
    ? await openRoles(dataRoot, roles, advice, refuse)
    : await openClasses(path.join(dataRoot, folder!), split, advice, refuse);
  const used = roles ? `${roles.query} with ${roles.gallery}` : folder!;
  const unused = others.map((name) => ofOtherSplit(path.join(dataRoot, name), used));
  const beside = split === 'train' ? await besideSplits(inside, dataRoot) : [];
  const passedOver = [...(set.passedOver ?? []), ...unused, ...beside];
  requireUsable(set, refuse);
  return passedOver.length > 0 ? { ...set, passedOver } : set;
}
