/** How a network sees the validation images. */
import type { ComputeThread } from '../compute-thread.js';
import { usableImages } from '../data/check.js';
import type { ImageSet } from '../data/folder.js';
import { ImageLoader } from '../data/loader.js';
import { defaultEvalBatch, embedOn } from '../embed.js';
import { mapEmbeddings } from '../gallery-map.js';
import type { Sheets } from '../gallery-thumbs.js';
import { makeSheets } from '../gallery-thumbs.js';
import { measureClusters } from '../metrics/measure.js';
import type { ClusteringMetrics } from '../metrics/mutual-information.js';
import type { RetrievalMetrics } from '../metrics/retrieval.js';
import { neighborsNeeded, scoreQueries } from '../metrics/retrieval.js';
import type { Recall } from '../retrieval.js';
import { nearestNeighbors, recallKs, recallOf } from '../retrieval.js';
import { pairDistances } from '../tensorboard/distances.js';
import type { TrainedNetwork } from '../trained-network.js';
import { choosePlaces } from './choose-images.js';
import { smallPictures } from './pictures.js';
import type { Query } from './queries.js';
import { chooseQueries } from './queries.js';
import type { ReportHooks, ReportOptions, ReportStage } from './report-options.js';

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
  metrics: RetrievalMetrics & ClusteringMetrics;
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
  neighbors: Int32Array;
  depth: number;
}

const stages =
  ({ onProgress, signal }: ReportHooks) =>
  (stage: ReportStage) => ({
    signal,
    onProgress: (done: number, total: number) => onProgress?.(stage, done, total),
  });

const chosenOf = (set: ImageSet, most: number): ImageSet => {
  const labels = set.images.map(({ label }) => label);
  return { ...set, images: choosePlaces(labels, most).map((place) => set.images[place]!) };
};

function foundFirst({ labels, neighbors, depth }: Searched, averagePrecision: Float64Array): Int8Array {
  return Int8Array.from(labels, (label, i) =>
    Number.isNaN(averagePrecision[i]!) ? -1 : Number(labels[neighbors[i * depth]!] === label),
  );
}

async function drawMap(
  { embeddings, dim }: Searched,
  set: ImageSet,
  options: ReportOptions,
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
  return { places, positions, sheets: await makeSheets(files, mapSize, options.workers, stage('pictures')) };
}

/**
 * Embeds validation images and measures the embeddings.
 *
 * @param thread holds the network
 * @throws UserError when too few images can be read, or the network's numbers are not finite; the signal's reason
 */
export async function lookAtVal(
  thread: ComputeThread,
  { network, resize }: TrainedNetwork,
  all: ImageSet,
  options: ReportOptions,
  hooks: ReportHooks,
): Promise<ValLook> {
  const stage = stages(hooks);
  const { workers, batchSize = defaultEvalBatch, images: most } = options;
  const loader = new ImageLoader({ imageSize: network.imageSize, resize, workers, cache: 'none' });
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
    const depth = Math.min(paths.length - 1, Math.max(neighborsNeeded(labels), found, ...recallKs));
    const neighbors = await nearestNeighbors(thread, embeddings, dim, depth, stage('search'));
    const { averagePrecision, ...scores } = scoreQueries(neighbors, depth, labels);
    const searched = { embeddings, dim, labels, neighbors, depth };
    const chosen = chooseQueries({ averagePrecision, ...searched }, queries, found);
    const shown = [...chosen.best, ...chosen.worst].flatMap((query) => [query.place, ...query.found]);
    return {
      ...{ set, total: all.images.length, skipped: skipped.length },
      recall: recallOf(neighbors, depth, labels),
      metrics: { ...scores, ...(await measureClusters(embeddings, dim, labels, stage('cluster'))) },
      distances: pairDistances(embeddings, dim, labels),
      ...chosen,
      found: foundFirst(searched, averagePrecision),
      pictures: await smallPictures(
        shown.map((place) => paths[place]!),
        querySize,
        workers,
        stage('pictures'),
      ),
      map: await drawMap(searched, set, options, hooks),
    };
  } finally {
    await loader.close();
  }
}
