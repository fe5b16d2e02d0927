/** What a data set's reader is. */
import type { ImageSet, Refuse, Split } from '../data/folder.js';

export interface OpenOptions {
  /** Keeps files that a list names and that are not there, for the check of the images to find. */
  skipBad?: boolean;
  /** What is taken for validation of data without a split of its own: `classes:0.3`, `images:0.2`; `:7` behind it is a seed. */
  valSplit?: string;
  /** The same, passed over where the data has a split of its own: what a checkpoint remembers. */
  valSplitElse?: string;
  /**
   * Hears of what keeps the data from being used though it can be listed, such as an empty class folder or a line of a list: for who
   * wants to tell of the rest too. Without, it is thrown.
   */
  refuse?: Refuse;
}

/** What `--data-path` names. */
export interface Place {
  /** Absolute. */
  path: string;
  /** Whether it is a folder. */
  isFolder: boolean;
  /** Names inside of the folder; none of a file. */
  names: ReadonlySet<string>;
}

export interface DataFormat {
  name: string;
  /** What belongs to it, for errors and help. */
  layout: string;
  /** Whether files that only this format has are there, be it not all of them. */
  recognize: (place: Place) => boolean | Promise<boolean>;
  /** @throws UserError naming the file, and the line, that can't be used */
  open: (place: Place, split: Split, options: OpenOptions) => Promise<ImageSet>;
  /**
   * All images of data that says nothing of validation; undefined where it has some of its own. Formats without are always divided.
   *
   * @throws UserError as `open`
   */
  openWhole?: (place: Place, options: OpenOptions) => Promise<ImageSet | undefined>;
}
