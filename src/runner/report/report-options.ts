/** What a report is made from, and what it tells while it is made. */
import type { ModuleSources } from '../modules/kinds.js';
import type { reportDefaults, WithDefaults } from '../options/defaults.js';
import type { DeviceOptions } from '../options/run-options.js';

/**
 * What is being done: decoding images once, embedding them, searching neighbors, clustering, the untrained
 * network's embeddings, looking at batches, laying out the map, drawing.
 */
export type ReportStage = 'check' | 'embed' | 'search' | 'cluster' | 'untrained' | 'batches' | 'map' | 'pictures';

/** Where a report is written unless said otherwise. */
export const reportFile = 'report.html';

/** What a report shows; nothing has to be given. */
export interface ReportOptions extends Partial<DeviceOptions> {
  /** The module of a checkpoint's backbone, where it has one of its own. */
  modules?: Pick<ModuleSources, 'backbone'>;
  /** Default: the run's best one, or else its last. */
  checkpoint?: string;
  /** What `openData` takes. Default: where the run had its images. */
  dataPath?: string;
  /** Images that the network sees at a time. Default: 64. */
  batchSize?: number;
  /** Threads that decode images; 0 decodes in the calling thread. Default: 4. */
  workers?: number;
  /** Validation images that are looked at, at most: whole classes drawn at random, as far as they fit. Default: 10000. */
  images?: number;
  /** Whether the untrained network is measured as well, which takes as long as the trained one. Default: true. */
  untrained?: boolean;
  /** What each option of the training means, by its name in `RunOptions`, for the page's table. Default: nothing. */
  descriptions?: Readonly<Record<string, string>>;
}

export type AllReportOptions = WithDefaults<ReportOptions, typeof reportDefaults>;

/** Who hears of a report being made, and what ends it. */
export interface ReportHooks {
  onProgress?: (stage: ReportStage, done: number, total: number) => void;
  signal?: AbortSignal;
}

/** The page that was written. */
export interface MadeReport {
  /** Size of the page. */
  bytes: number;
  /** What is missing from it and why, a sentence each; they stand in the page, too. */
  notes: string[];
}
