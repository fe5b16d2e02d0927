/** Files that lie where images are looked for and are not used: why, and how many of each kind. */
import path from 'node:path';
import { groupBy } from '../base/group-by.js';
import { printableName } from '../base/printable-name.js';
import type { ImageFormat } from './image-formats.js';
import { notReadReason } from './image-formats.js';

/** A file, or a folder with all that is in it, that is not used. */
export interface PassedOver {
  path: string;
  /** A word or two: `HEIC`, `in no class folder`. */
  kind: string;
  /** Follows the kind: what it is, and what to do. */
  reason: string;
  /** Hidden, or left by a program: nobody wants these to be read. */
  isHidden?: true;
}

export const ofOtherFormat = (file: string, { name }: ImageFormat): PassedOver => ({
  path: file,
  kind: name,
  reason: notReadReason,
});

export const notAnImage = (file: string): PassedOver => ({
  path: file,
  kind: 'no image',
  reason: 'by its name, or by its first bytes where the name does not tell',
});

export const inNoClass = (file: string): PassedOver => ({
  path: file,
  kind: 'in no class folder',
  reason: 'move it into the folder of its class',
});

export const ofOtherSplit = (folder: string, used: string): PassedOver => ({
  path: folder,
  kind: 'another split',
  reason: `${used} is used instead`,
});

export const besideTheSplits = (place: string): PassedOver => ({
  path: place,
  kind: 'beside the splits',
  reason: 'with images: move them into the folders of their classes in a split',
});

export const leadsBack = (link: string): PassedOver => ({
  path: link,
  kind: 'link that leads back',
  reason: 'to a folder that it is in',
});

export const hidden = (entry: string): PassedOver => ({
  path: entry,
  kind: 'hidden',
  reason: 'or left by a program',
  isHidden: true,
});

/** What systems and programs leave in folders of images; names that begin with a dot are passed over too. */
const leftovers = new Set([
  '__MACOSX',
  '@eaDir',
  '#recycle',
  '$RECYCLE.BIN',
  'System Volume Information',
  'lost+found',
  'Thumbs.db',
  'ehthumbs.db',
  'desktop.ini',
]);

/** Whether nobody means a file or folder of that name to hold images. */
export const isHiddenName = (name: string): boolean => name.startsWith('.') || leftovers.has(name);

/**
 * A line for each kind: `3 HEIC, a format that is not read; save it as JPEG or PNG (a/1.heic ...)`. Hidden ones are not told.
 *
 * @param root what the paths are shown relative to
 */
export function passedOverLines(passed: readonly PassedOver[], root: string): string[] {
  const told = passed.filter(({ isHidden }) => !isHidden);
  return [...groupBy(told, ({ kind }) => kind).values()].map((group) => {
    const { kind, reason, path: first } = group[0]!;
    const shown = printableName(path.relative(root, first) || first);
    return `${group.length} ${kind}, ${reason} (${shown}${group.length > 1 ? ' ...' : ''})`;
  });
}

/** `passedOverLines` as a note, or none. */
export function passedOverNote(passed: readonly PassedOver[], root: string, name = root): string | undefined {
  const lines = passedOverLines(passed, root);
  if (lines.length === 0) return undefined;
  return `passed over in ${printableName(name)}:\n${lines.map((line) => `  ${line}`).join('\n')}`;
}
