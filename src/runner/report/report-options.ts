/** What a report is made from, and what it tells while it is made. */
import type { DeviceOptions, ImageOptions } from '../run-options.js';

/** What is being done: decoding images once, embedding them, searching neighbors, clustering, looking at batches, laying out the map, drawing. */
export type ReportStage = 'check' | 'embed' | 'search' | 'cluster' | 'batches' | 'map' | 'pictures';

export interface ReportOptions extends DeviceOptions, Pick<ImageOptions, 'workers'> {
  /** The run's best one unless given, or else its last. */
  checkpoint?: string;
  /** What `openData` takes; where the run had its images unless given. */
  dataPath?: string;
  /** Images that the network sees at a time; 64 unless given. */
  batchSize?: number;
  /** Validation images that are looked at, at most: whole classes drawn at random, as far as they fit. */
  images: number;
  /** What each option of the training means, by its name in `RunOptions`, for the page's table. */
  descriptions?: Readonly<Record<string, string>>;
}

export interface ReportHooks {
  onProgress?: (stage: ReportStage, done: number, total: number) => void;
  signal?: AbortSignal;
}

export interface MadeReport {
  /** Size of the page. */
  bytes: number;
  /** What is missing from it and why, a sentence each; they stand in the page, too. */
  notes: string[];
}
