/** What is another thing now than when a run was trained: looked for before it is repeated. */
import { existsSync } from 'node:fs';
import { requireLayout } from '../check-options.js';
import { loadCheckpoint } from '../checkpoint.js';
import { usableImages } from '../data/check.js';
import { ImageLoader } from '../data/loader.js';
import { openData } from '../data/open-data.js';
import { sha256Of } from '../pretrained/cache.js';
import { hashPrefix, publishedFile } from '../pretrained/published.js';
import type { RunOptions } from '../run-options.js';
import { artifactDigests } from './artifacts.js';
import type { Change } from './changes.js';
import {
  changedArtifacts,
  changedData,
  changedFacts,
  changedFile,
  changedWeights,
  distinct,
  editedOptions,
} from './changes.js';
import type { Listing, ListOptions } from './data-listing.js';
import { decodeListing, listData, listingChanges, readListing } from './data-listing.js';
import { machineFacts } from './machine.js';
import type { RecordedRun, Segment } from './record.js';
import { LISTING } from './record.js';
import type { Repetition } from './repetition.js';

/** The images that a training with these options would take. */
async function dataNow(options: RunOptions, listing: ListOptions): Promise<Listing> {
  const { dataPath, skipBad, imageSize, resize, workers } = options;
  const splits = { train: await openData(dataPath, 'train', options), val: await openData(dataPath, 'val', options) };
  if (!skipBad) return listData(splits, listing);
  const loader = new ImageLoader({ imageSize, resize, workers, cache: 'none' });
  try {
    const { set: train } = await usableImages(splits.train, loader, { skipBad });
    const { set: val } = await usableImages(splits.val, loader, { skipBad });
    return await listData({ train, val }, listing);
  } finally {
    await loader.close();
  }
}

/** The first digits of the pretrained weights' SHA-256, as far as they are known without a download. */
async function weightsNow({ pretrained, model }: RunOptions, signal?: AbortSignal): Promise<string | undefined> {
  if (!pretrained) return undefined;
  return pretrained.kind === 'published'
    ? hashPrefix(publishedFile(model, pretrained.weights))
    : sha256Of(pretrained.path, signal);
}

/** Options that the record has otherwise than itself, or than the run's last checkpoint. */
async function changedByHand({ record, beside, prefix }: RecordedRun, segments: readonly Segment[]): Promise<Change[]> {
  const within = segments.flatMap((segment) => editedOptions(segment, segment.hyperparameters));
  const file = beside(`${prefix}checkpoint.safetensors`);
  if (!existsSync(file)) return within;
  const { options: training, runOptions, seed, step } = (await loadCheckpoint(file)).metadata;
  const writer = record.segments.filter(({ from }) => from.step < step).at(-1);
  return writer ? [...within, ...editedOptions(writer, { training, run: { ...runOptions, seed } })] : within;
}

/**
 * Checkpoints of the run's folder that are not those that it wrote; one that is not there any more is none.
 *
 * @throws UserError when one can't be read
 */
export async function replacedCheckpoints({ record, beside }: RecordedRun, signal?: AbortSignal): Promise<Change[]> {
  const there = record.checkpoints.filter(({ file }) => existsSync(beside(file)));
  const changes: Change[] = [];
  for (const { file, sha256 } of there)
    changes.push(...changedFile(file, sha256, await sha256Of(beside(file), signal)));
  return changes;
}

/**
 * @throws UserError when the data, the weights to begin with or a checkpoint can't be read; the signal's reason when it is
 *   aborted
 */
export async function changesSince(
  run: RecordedRun,
  { segments, options }: Repetition,
  listing: ListOptions,
): Promise<Change[]> {
  const facts = await machineFacts(options);
  const { training } = segments[0]!.hyperparameters;
  requireLayout(training);
  const artifacts = artifactDigests(training);
  const weights = await weightsNow(options, listing.signal);
  const { text, ...now } = await dataNow(options, listing);
  const data = { ...now, listing: LISTING };
  const changes = await changedByHand(run, segments);
  for (const segment of segments) {
    const before = segment.data && (await readListing(run.beside(segment.data.listing), segment.data.sha256));
    const details = before ? listingChanges(before, decodeListing(text, LISTING)) : undefined;
    changes.push(
      ...changedFacts(segment.facts, facts),
      ...changedArtifacts(segment.artifacts, artifacts),
      ...changedWeights(segment, weights),
      ...changedData(segment.data, data, details),
    );
  }
  return distinct(changes);
}
