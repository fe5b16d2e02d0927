/** What the page gives to the panel in which a person teaches the model. */
import type { Features, WebModelInfo } from 'dws/web';
import type { Head } from '../../../../src/web/learn-head.js';

/** New embedding of an image: `features` [featDim], as the backbone gives them -> [embedDim], L2-normalized. */
export type ApplyHead = (features: Float32Array) => Float32Array;

export interface LearnContext {
  /**
   * Runs the model on an image, in the page's worker.
   *
   * @returns the embedding of the head as it was trained, and the features that the head takes
   * @throws DwsWebError for a file that is no image or too large; its message is for people
   */
  features(image: Blob): Promise<Features>;
  info: WebModelInfo;
  /**
   * Searches the gallery by a head that learned, or by the model's own again.
   *
   * @throws DwsWebError `no-features` where the gallery lacks what that takes; its message is for people
   */
  searchWith(head: Head | undefined): Promise<void>;
  /** The file that `info.head` has its offsets in. */
  headUrl: string;
}
