/** How a network sees the validation images. */
import type { ComputeThread } from '../compute/thread.js';
import { usableImages } from '../data/check.js';
import type { ImageSet } from '../data/folder.js';
import { keepImages } from '../data/folder.js';
import { ImageLoader } from '../data/loader.js';
import { defaultEvalBatch, embedOn } from '../evaluation/embed-on.js';
import { mapEmbeddings } from '../shipping/gallery-map.js';
import type { SearchHooks } from '../evaluation/neighbors.js';
import type { Sheets } from '../shipping/gallery-thumbs.js';
import { makeSheets } from '../shipping/gallery-thumbs.js';
import { measureEmbeddings } from '../evaluation/measure.js';
import type { EmbeddingMetrics } from '../evaluation/measure.js';
import { nearestNeighbors } from '../evaluation/neighbors.js';
import { recallKs } from '../evaluation/recall.js';
import type { Recall } from '../evaluation/retrieval-metrics.js';
import type { SearchSets } from '../data/search-sets.js';
import { describeSearch, othersOf, searchSets } from '../data/search-sets.js';
import { pairDistances } from '../tensorboard/distances.js';
import type { TrainedNetwork } from '../checkpoints/trained-network.js';
import { choosePlaces } from './choose-images.js';
import { smallPictures } from './pictures.js';
import type { ChosenQuery, Query } from './queries.js';
import { chooseQueries } from './queries.js';
import type { AllReportOptions, ReportHooks, ReportStage } from './report-options.js';

/** Queries in each list, and nearest images shown of each. */
const [queries, found] = [6, 8];

/** Height and width of the pictures, in pixels. */
const [querySize, mapSize] = [112, 56];

/** Points of the map: each brings a picture of its own. */
const mostPoints = 1500;

export interface EmbeddingsMap {
  /** Places of the points' images. */
  places: number[];
  /** [points, 2], x and y in [0, 1] */
  positions: Float32Array;
  sheets: Sheets;
}

export interface ValLook {
  /** The images that were looked at. */
  set: ImageSet;
  /** How many there are in all, and how many of those looked at can't be read. */
  total: number;
  skipped: number;
  recall: Recall;
  metrics: EmbeddingMetrics;
  /** What there is to know of the search before its numbers are read. */
  searchTexts: string[];
  distances: { positive: number[]; negative: number[] };
  best: Query[];
  worst: Query[];
  /** [images] 1 where the nearest image is of the same class, 0 where not, -1 where there is no other of the class. */
  found: Int8Array;
  /** Data URLs of the queries and of what they found, by file. */
  pictures: Map<string, string>;
  map: EmbeddingsMap;
}

interface Searched {
  embeddings: Float32Array;
  dim: number;
  labels: Int32Array;
  sets: SearchSets;
}

const stages =
  ({ onProgress, signal }: ReportHooks) =>
  (stage: ReportStage) => ({
    signal,
    onProgress: (done: number, total: number) => onProgress?.(stage, done, total),
  });

const chosenOf = (set: ImageSet, most: number): ImageSet => {
  const labels = set.images.map(({ label }) => label);
  const chosen = new Set(choosePlaces(labels, most).map((place) => set.images[place]!));
  return keepImages(set, (image) => chosen.has(image));
};

/** By place: 1 where the nearest image is of the same class, 0 where not, -1 where nothing is searched or to be found. */
function foundFirst({ labels, sets }: Searched, nearestIsRight: Int8Array): Int8Array {
  const found = new Int8Array(labels.length).fill(-1);
  for (const [query, place] of sets.queries.entries()) found[place] = nearestIsRight[query]!;
  return found;
}

/** The images that the chosen queries find. */
async function findFor(
  thread: ComputeThread,
  chosen: readonly ChosenQuery[],
  { sets, ...rows }: Searched,
  stage: SearchHooks,
): Promise<Query[]> {
  const places = Int32Array.from(new Set(chosen.map(({ place }) => place))).sort();
  const depth = Math.max(1, Math.min(found, sets.gallery.length - 1));
  const neighbors = await nearestNeighbors(thread, rows, { ...sets, queries: places }, depth, stage);
  return chosen.map((query) => {
    const row = places.indexOf(query.place);
    return { ...query, found: Array.from(neighbors.subarray(row * depth, (row + 1) * depth)) };
  });
}

async function drawMap(
  { embeddings, dim }: Searched,
  set: ImageSet,
  options: AllReportOptions,
  hooks: ReportHooks,
): Promise<EmbeddingsMap> {
  const stage = stages(hooks);
  const places = choosePlaces(
    set.images.map(({ label }) => label),
    mostPoints,
  );
  const rows = new Float32Array(places.length * dim);
  places.forEach((place, row) => rows.set(embeddings.subarray(place * dim, (place + 1) * dim), row * dim));
  const positions = await mapEmbeddings(rows, dim, options, stage('map'));
  const files = places.map((place) => set.images[place]!.path);
  return {
    places,
    positions,
    sheets: await makeSheets(files, mapSize, { workers: options.workers, pack: set.pack }, stage('pictures')),
  };
}

/**
 * Embeds validation images and measures the embeddings.
 *
 * @param thread holds the network
 * @throws UserError when too few images can be read, or the network's numbers are not finite; the signal's reason
 */
export async function lookAtVal(
  thread: ComputeThread,
  { network, preprocessing }: TrainedNetwork,
  all: ImageSet,
  options: AllReportOptions,
  hooks: ReportHooks,
): Promise<ValLook> {
  const stage = stages(hooks);
  const { workers, batchSize = defaultEvalBatch, images: most } = options;
  const loader = new ImageLoader({ ...preprocessing, workers, cache: 'none', pack: all.pack });
  try {
    const { set, skipped } = await usableImages(chosenOf(all, most), loader, {
      skipBad: true,
      onProgress: (done, total) => {
        hooks.signal?.throwIfAborted();
        hooks.onProgress?.('check', done, total);
      },
    });
    const paths = set.images.map(({ path }) => path);
    const labels = Int32Array.from(set.images, ({ label }) => label);
    const embeddings = await embedOn(thread, { network, loader, paths, batchSize }, stage('embed'));
    const dim = network.embedDim;
    const sets = searchSets(set);
    const searched = { embeddings, dim, labels, sets };
    const { scores, metrics } = await measureEmbeddings(
      thread,
      searched,
      labels,
      { sets, ks: recallKs },
      { signal: hooks.signal, onProgress: hooks.onProgress },
    );
    const { averagePrecision, nearestIsRight } = scores;
    const choice = { queries: sets.queries, averagePrecision, others: othersOf(labels, sets), labels };
    const chosen = chooseQueries(choice, queries);
    const best = await findFor(thread, chosen.best, searched, { signal: hooks.signal });
    const worst = await findFor(thread, chosen.worst, searched, { signal: hooks.signal });
    const shown = [...best, ...worst].flatMap((query) => [query.place, ...query.found]);
    return {
      ...{ set, total: all.images.length, skipped: skipped.length },
      recall: scores.recall(),
      metrics,
      searchTexts: describeSearch(set).texts,
      distances: pairDistances(embeddings, dim, labels),
      ...{ best, worst },
      found: foundFirst(searched, nearestIsRight),
      pictures: await smallPictures(
        shown.map((place) => paths[place]!),
        querySize,
        { workers, pack: set.pack },
        stage('pictures'),
      ),
      map: await drawMap(searched, set, options, hooks),
    };
  } finally {
    await loader.close();
  }
}
