/** What a training would meet in its data, found before it begins. */
import { wholeSquares } from '../../graph/preprocessing.js';
import { UserError } from '../base/errors.js';
import type { BadKind } from './bad-kinds.js';
import { badKind } from './bad-kinds.js';
import type { BatchOptions } from '../data/batches.js';
import { planBatches } from '../data/batches.js';
import { checkImages } from '../data/check.js';
import { findDuplicates } from './duplicates.js';
import type { ImageRole, ImageSet, Split } from '../data/folder.js';
import { classSizes, keepImages, requireUsable } from '../data/folder.js';
import type { PassedOver } from '../data/passed-over.js';
import type { SearchCounts } from '../data/search-sets.js';
import { countSearch, searchSets } from '../data/search-sets.js';
import type { ImageFacts, Unusual } from './inspect.js';
import { inspectImages, packedFacts } from './inspect.js';
import type { BadImage } from '../data/loader.js';
import { ImageLoader } from '../data/loader.js';
import type { WithDefaults } from '../options/defaults.js';
import { surveyDefaults, withDefaults } from '../options/defaults.js';
import { openData, recognizeData } from '../data-sets/open-data.js';
import { requirePaths } from '../base/require-paths.js';

/** The options of the training that the data is for. */
export interface SurveyOptions extends Partial<Omit<BatchOptions, 'seed' | 'flip'>> {
  /** Threads that decode images; 0 decodes in the calling thread. Default: 4. */
  workers?: number;
  /** Whether the training will leave bad images out. Default: false. */
  skipBad?: boolean;
  /** What the training will take for validation of data without a split of its own. Default: nothing. */
  valSplit?: string;
  /** With 0, the training wants no validation images. Default: 1. */
  evalEvery?: number;
}

type AllSurveyOptions = WithDefaults<SurveyOptions, typeof surveyDefaults>;

/** Decoding every image, reading headers, comparing files of the same size. */
export type SurveyStage = 'check' | 'headers' | 'duplicates';

export type OnSurvey = (stage: SurveyStage, done: number, total: number) => void;

/** Smallest, median and largest. */
export interface Spread {
  min: number;
  median: number;
  max: number;
}

export interface SplitSurvey {
  root: string;
  /** Those that can be read, and those that can't. */
  images: number;
  classes: number;
  /** Readable images a class. */
  imagesPerClass: Spread;
  /** In pixels, upright; of the readable images. */
  width: Spread;
  height: Spread;
  /** What an evaluation would find among the readable images. */
  search: SearchCounts;
  /** Names of the classes with fewer than `batchK` readable images. */
  smallClasses: string[];
  bad: (BadImage & { kind: BadKind })[];
  unusual: { path: string; kinds: Unusual[] }[];
  /** What lies between the images and is not used. */
  passedOver: PassedOver[];
  /** Where not every image is both, as `is_query` and `is_gallery` or the folders `query` and `gallery` say. */
  roles?: { queries: number; gallery: number };
}

export interface SameContent {
  /** In both splits, in two classes of a split, or more than once in a class; the first that holds. */
  kind: 'train and val' | 'two classes' | 'one class';
  paths: string[];
}

/** What there is to know of a data set before a training. */
export interface Survey {
  /** Absolute. */
  dataPath: string;
  format: string;
  /** Without a split that cannot be listed. */
  splits: Partial<Record<Split, SplitSurvey>>;
  duplicates: SameContent[];
  /** What would stop a training, in words; nothing when it would run. */
  stops: string[];
}

const splits: readonly Split[] = ['train', 'val'];

function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (place: number) => sorted[Math.floor(place)] ?? 0;
  return { min: at(0), median: at(sorted.length / 2), max: at(sorted.length - 1) };
}

/** What two looks at the data refuse alike is told once. */
const distinct = (messages: readonly string[]): string[] => [...new Set(messages)];

/** The message of a UserError that `attempt` throws, if it does. */
function refusal(attempt: () => unknown): string | undefined {
  try {
    attempt();
    return undefined;
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
}

interface Surveyed {
  survey: SplitSurvey;
  facts: (ImageFacts & { split: Split; label: number })[];
  stops: string[];
}

async function surveySplit(
  set: ImageSet,
  loader: ImageLoader,
  options: AllSurveyOptions,
  progress: (stage: SurveyStage) => (done: number, total: number) => void,
): Promise<Surveyed> {
  const { root, split, classes, pack } = set;
  const bad = await checkImages(set, loader, progress('check'));
  const badPaths = new Set(bad.map(({ path }) => path));
  const readable = keepImages(set, ({ path }) => !badPaths.has(path));
  const paths = readable.images.map(({ path }) => path);
  const found = pack ? packedFacts(pack, paths) : await inspectImages(paths, progress('headers'));

  const sizes = classSizes(readable);
  const stops: (string | undefined)[] = [];
  if (bad.length > 0 && !options.skipBad) {
    stops.push(
      `${bad.length} of ${set.images.length} images of ${split} cannot be read: mend or remove them, or train with --skip-bad.`,
    );
  }
  const tooLittle = refusal(() => requireUsable(readable));
  // What is too little as it is listed has been told.
  if (refusal(() => requireUsable(set)) === undefined) stops.push(tooLittle);
  if (split === 'train' && tooLittle === undefined) {
    stops.push(refusal(() => planBatches(readable, { ...options, seed: 0 })));
  }
  const labels = new Map(set.images.map(({ path, label }) => [path, label]));
  return {
    survey: {
      root,
      images: set.images.length,
      classes: classes.length,
      imagesPerClass: spread(sizes),
      search: countSearch(
        readable.images.map(({ label }) => label),
        searchSets(readable),
      ),
      width: spread(found.map(({ width }) => width)),
      height: spread(found.map(({ height }) => height)),
      smallClasses: classes.filter((_, label) => sizes[label]! < options.batchK),
      bad: bad.map((image) => ({ ...image, kind: badKind(image.reason) })),
      unusual: found.flatMap(({ path, unusual }) => (unusual.length > 0 ? [{ path, kinds: unusual }] : [])),
      passedOver: set.passedOver ?? [],
      ...(set.roles && { roles: countRoles(set.roles) }),
    },
    facts: found.map((facts) => ({ ...facts, split, label: labels.get(facts.path)! })),
    stops: stops.filter((stop) => stop !== undefined),
  };
}

const countRoles = (roles: readonly ImageRole[]) => ({
  queries: roles.filter(({ isQuery }) => isQuery).length,
  gallery: roles.filter(({ isGallery }) => isGallery).length,
});

function sameContent(group: Surveyed['facts']): SameContent {
  const count = (key: 'split' | 'label') => new Set(group.map((facts) => facts[key])).size;
  const kind = count('split') > 1 ? 'train and val' : count('label') > 1 ? 'two classes' : 'one class';
  return { kind, paths: group.map(({ path }) => path) };
}

/**
 * Decodes every image of both splits as a training would, and looks at headers, classes and contents.
 *
 * @param given `batchSize`, `batchK` and `smallClasses` as in the training
 * @throws UserError when the data is of no known format, or when no split can be listed
 */
export async function surveyData(dataPath: string, given: SurveyOptions = {}, onProgress?: OnSurvey): Promise<Survey> {
  const options = withDefaults('surveyData', given, surveyDefaults);
  requirePaths('surveyData', { dataPath });
  const { valSplit, evalEvery } = options;
  const wanted = splits.filter((split) => split === 'train' || evalEvery !== 0);
  const { format, place } = await recognizeData(dataPath, valSplit !== undefined);
  const progress = (stage: SurveyStage) => (done: number, total: number) => onProgress?.(stage, done, total);
  const survey: Survey = { dataPath: place.path, format: format.name, splits: {}, duplicates: [], stops: [] };
  const facts: Surveyed['facts'][] = [];
  const stops: string[][] = [];
  const refusals: string[] = [];
  const refuse = ({ message }: UserError) => void refusals.push(message);
  let loader: ImageLoader | undefined;
  try {
    for (const split of wanted) {
      // Files that are listed but missing are bad images here, all of them told.
      const set = await openData(dataPath, split, { skipBad: true, valSplit, refuse }).catch((error: unknown) => {
        if (!(error instanceof UserError)) throw error;
        refuse(error);
      });
      if (!set) continue;
      const { pack } = set;
      const squares = pack?.squares ?? wholeSquares(1, 'stretch');
      loader ??= new ImageLoader({ ...squares, workers: options.workers, cache: 'none', pack });
      const surveyed = await surveySplit(set, loader, options, progress);
      survey.splits[split] = surveyed.survey;
      stops.push(surveyed.stops);
      facts.push(surveyed.facts);
    }
  } finally {
    await loader?.close();
  }
  if (stops.length === 0) throw new UserError(distinct(refusals).join('\n'));
  survey.stops = distinct([refusals, ...stops].flat());
  survey.duplicates = (await findDuplicates(facts.flat(), progress('duplicates'))).map(sameContent);
  return survey;
}
