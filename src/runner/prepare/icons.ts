/**
 * The data of the quick start: the same icon drawn by eight hands is one class. Half of the icons train, the other half
 * evaluates, so that retrieval is asked for things never seen.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { basename, dirname, join } from 'node:path';
import sharp from 'sharp';
import { folderBehind } from '../base/destination.js';
import { UserError } from '../base/errors.js';
import { ensureWritableFolder, errorCode, fileError, makingFolder } from '../base/files.js';
import { forEachConcurrently } from '../base/concurrently.js';
import { iconSets } from './icon-sets.js';
import type { IconSet } from './icon-sets.js';
import type { IconifyJson, IconSize } from './icon-json.js';
import { parseIcons } from './icon-json.js';
import type { Marker, Recipe, SplitSize } from './marker.js';
import { markerFile, readMarker, sameRecipe } from './marker.js';
import { cachedPackage, readPackageFile, userCacheFolder } from './packages.js';
import type { FetchPackage } from './packages.js';

/** Height and width of the images, in pixels. */
const SIZE = 128;
/** A name is a class when at least so many sets draw it. */
const MIN_SETS = 5;
/** npm processes at a time. */
const FETCHES = 2;
const LICENSES = 'LICENSES.md';

const SPLITS = ['train', 'val'] as const;
type Split = (typeof SPLITS)[number];

export interface PrepareProgress {
  stage: 'fetch' | 'read' | 'draw';
  /** Packages fetched, sets read, icons drawn. */
  done: number;
  total: number;
}

export interface PrepareOptions {
  onProgress?: (progress: PrepareProgress) => void;
  /** Where the packages' tarballs are kept. Default: the user's cache folder of this platform. */
  cacheFolder?: string;
  /** Fetches a tarball that the cache does not hold. Default: `npm pack`. */
  fetchPackage?: FetchPackage;
  sets?: readonly IconSet[];
}

export interface PreparedIcons {
  /** Absolute. */
  folder: string;
  /** False when the folder was finished before. */
  created: boolean;
  train: SplitSize;
  val: SplitSize;
}

interface Drawing {
  split: Split;
  icon: string;
  set: string;
  svg: string;
}

/** Icons own or inherit their view box from the set; iconify's default is 16 x 16 at the origin. */
function iconSvg(set: IconSize, icon: IconSize & { body: string }): string {
  const { left = 0, top = 0, width = 16, height = 16 } = { ...set, ...icon };
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" ` +
    `viewBox="${left} ${top} ${width} ${height}" width="${SIZE}" height="${SIZE}">${icon.body}</svg>`
  );
}

/** Classes in the order of their names' code units, taken in turn for `train` and `val`. */
function planDrawings(sets: readonly { set: string; json: IconifyJson }[]): Drawing[] {
  const drawnBy = new Map<string, Omit<Drawing, 'split'>[]>();
  for (const { set, json } of sets) {
    const { left, top, width, height } = json;
    for (const [icon, value] of Object.entries(json.icons)) {
      const drawings = drawnBy.get(icon) ?? [];
      drawings.push({ icon, set, svg: iconSvg({ left, top, width, height }, value) });
      drawnBy.set(icon, drawings);
    }
  }
  return [...drawnBy]
    .filter(([, drawings]) => drawings.length >= MIN_SETS)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([, drawings], index) =>
      drawings.map((drawing) => ({ ...drawing, split: SPLITS[index % SPLITS.length]! })),
    );
}

const summarize = (drawings: readonly Drawing[], split: Split): SplitSize => {
  const icons = drawings.filter((drawing) => drawing.split === split).map(({ icon }) => icon);
  return { classes: new Set(icons).size, images: icons.length };
};

const licensesText = (sets: readonly IconSet[]): string => `# Licenses

Each image \`{train,val}/ICON/SET.png\` is the drawing of that name from the set below, drawn at ${SIZE} x ${SIZE} pixels on
white; nothing else was changed. Every set keeps its own license. CC BY and CC BY-SA ask you to name the authors when
you pass images on; CC BY-SA also to pass on what you make of them under the same license.

| set | title | author | license | source | package |
| --- | --- | --- | --- | --- | --- |
${sets
  .map(
    ({ set, title, author, license, licenseUrl, source, name, version }) =>
      `| ${set} | ${title} | ${author} | [${license}](${licenseUrl}) | ${source} | ${name} ${version} |\n`,
  )
  .join('')}`;

async function draw(drawings: readonly Drawing[], folder: string, onDrawn: () => void): Promise<void> {
  const failures: string[] = [];
  await forEachConcurrently(drawings, 2 * availableParallelism(), async ({ split, icon, set, svg }) => {
    let png: Buffer | undefined;
    try {
      png = await sharp(Buffer.from(svg)).flatten({ background: '#ffffff' }).png().toBuffer();
    } catch (error) {
      failures.push(`${set}/${icon} (${error instanceof Error ? error.message : String(error)})`);
    }
    if (png !== undefined) await writeFile(join(folder, split, icon, `${set}.png`), png);
    onDrawn();
  });
  if (failures.length > 0) {
    throw new UserError(
      `${failures.length} of ${drawings.length} icons could not be drawn: ${failures.slice(0, 3).join(', ')}. ` +
        `Reinstall sharp ('npm install'); this is sharp ${sharp.versions.sharp} with librsvg ${sharp.versions.rsvg}.`,
    );
  }
}

/** Removes what interrupted runs left; one that still runs would stop with an error rather than mix its files in. */
async function removePartial(folder: string): Promise<void> {
  const prefix = `${basename(folder)}.partial-`;
  const names = (await readdir(dirname(folder))).filter((name) => name.startsWith(prefix));
  await Promise.all(names.map((name) => rm(join(dirname(folder), name), { recursive: true, force: true })));
}

/**
 * Makes an image folder of icons: `FOLDER/{train,val}/ICON/SET.png`, 128 x 128 pixels on white, with `LICENSES.md`. The
 * same versions give the same bytes. The folder appears under its name only when it is complete; a complete one is left
 * as it is.
 *
 * @param folder missing, empty, or made by an earlier call
 * @throws UserError when the folder holds something else or other versions, can't be written, or a package can't be
 *   fetched
 */
export async function prepareIcons(folder: string, options: PrepareOptions = {}): Promise<PreparedIcons> {
  const target = await folderBehind(folder);
  return makingFolder(dirname(target), () => makeIcons(target, options));
}

async function makeIcons(target: string, options: PrepareOptions): Promise<PreparedIcons> {
  const { sets = iconSets, fetchPackage, onProgress = () => undefined } = options;
  const cacheFolder = options.cacheFolder ?? join(userCacheFolder(), 'icons');
  const recipe: Recipe = {
    kind: 'dws-icons',
    size: SIZE,
    minSets: MIN_SETS,
    sets: Object.fromEntries(sets.map(({ set, version }) => [set, version])),
  };
  const finished = await readMarker(target);
  if (finished !== null) {
    if (sameRecipe(finished, recipe)) {
      return { folder: target, created: false, train: finished.train, val: finished.val };
    }
    throw new UserError(
      `${target} holds icons of other versions: ${JSON.stringify(finished.sets)}. Give another folder, or remove it first.`,
    );
  }
  await ensureWritableFolder(dirname(target));
  await removePartial(target);

  const counter = (stage: PrepareProgress['stage'], total: number): (() => void) => {
    let done = 0;
    onProgress({ stage, done, total });
    return () => onProgress({ stage, done: ++done, total });
  };
  const fetched = counter('fetch', sets.length);
  const tarballs = new Array<string>(sets.length);
  await forEachConcurrently(sets, FETCHES, async (set, index) => {
    tarballs[index] = await cachedPackage(set, cacheFolder, fetchPackage);
    fetched();
  });
  const read = counter('read', sets.length);
  const contents: { set: string; json: IconifyJson }[] = [];
  for (const [index, { set }] of sets.entries()) {
    contents.push({ set, json: parseIcons(await readPackageFile(tarballs[index]!, 'icons.json'), tarballs[index]!) });
    read();
  }
  const drawings = planDrawings(contents);
  const marker: Marker = { ...recipe, train: summarize(drawings, 'train'), val: summarize(drawings, 'val') };

  const partial = `${target}.partial-${randomBytes(3).toString('hex')}`;
  try {
    const classFolders = new Set(drawings.map(({ split, icon }) => join(partial, split, icon)));
    for (const classFolder of classFolders) await mkdir(classFolder, { recursive: true });
    await draw(drawings, partial, counter('draw', drawings.length));
    await writeFile(join(partial, LICENSES), licensesText(sets));
    await writeFile(join(partial, markerFile), `${JSON.stringify(marker, null, 2)}\n`);
    await rmdir(target).catch((error: unknown) => {
      if (errorCode(error) !== 'ENOENT') throw error;
    });
    await rename(partial, target);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    throw fileError(`can't write ${target}`, error);
  }
  return { folder: target, created: true, train: marker.train, val: marker.val };
}
