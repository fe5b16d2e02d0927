/** `--val-split`: how much of a data set without validation images is taken for it. */
import { UserError } from './errors.js';
import { didYouMean } from '../../graph/known-names.js';
import { printable } from './printable.js';

export interface ValSplit {
  /** Whole classes, which the training never sees, or images of each class. */
  by: 'classes' | 'images';
  /** In (0, 1). */
  share: number;
  seed: number;
}

const form = /^(classes|images):(0?\.\d{1,9})(?::(\d{1,9}))?$/;

/** Completes "give ...". */
export const valSplitForm =
  'classes:0.3, a share of the classes, or images:0.2, a share of each class; :7 behind it is a seed';

/** The value of the option, if it is one. */
export function readValSplit(text: string): ValSplit | undefined {
  const [, by, share, seed = '0'] = form.exec(text) ?? [];
  if (by === undefined || Number(share) === 0) return undefined;
  return { by: by as ValSplit['by'], share: Number(share), seed: Number(seed) };
}

const kinds: readonly string[] = ['classes', 'images'];

/** What to say of a text that is none. */
export function valSplitAdvice(text: string): string {
  const kind = text.split(':')[0]!;
  const meant = kinds.includes(kind) ? '' : didYouMean(kind, kinds);
  return `${meant}${meant === '' ? 'give' : 'Give'} ${valSplitForm}`;
}

/** @throws UserError unless it is one */
export function parseValSplit(text: string): ValSplit {
  const split = readValSplit(text);
  if (split) return split;
  throw new UserError(`--val-split ${printable(text)}: ${valSplitAdvice(text)}.`);
}
