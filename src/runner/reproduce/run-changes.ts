/** What is another thing now than when a run was trained: looked for before it is repeated. */
import { existsSync } from 'node:fs';
import { requireLayout } from '../options/network.js';
import { loadCheckpoint } from '../checkpoints/checkpoint.js';
import { usableImages } from '../data/check.js';
import { ImageLoader } from '../data/loader.js';
import { openSplits } from '../data-sets/open-data.js';
import { sha256Of } from '../pretrained/cache.js';
import type { TrainingPlan } from '../options/plan.js';
import { parseRunOptions } from '../options/plan.js';
import { knownHash } from '../options/published.js';
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
import { blaming } from '../modules/blame.js';
import { loadModules } from '../modules/load.js';
import { recordedWeights } from '../training/initial-weights.js';
import { machineFacts } from './machine.js';
import { changedModules, suspects } from './modules.js';
import type { RecordedRun, Segment } from './record.js';
import { LISTING } from './record.js';
import type { Repetition } from './repetition.js';

/** The images that a training would take. */
async function dataNow(
  { data, images, schedule }: Pick<TrainingPlan, 'data' | 'images' | 'schedule'>,
  listing: ListOptions,
): Promise<Listing> {
  const { dataPath, skipBad } = data;
  const splits = await openSplits(dataPath, schedule.evalEvery !== 0, data);
  if (!skipBad) return listData(splits, listing);
  const loader = new ImageLoader({ ...images, cache: 'none', pack: splits.train.pack });
  try {
    const { set: train } = await usableImages(splits.train, loader, { skipBad });
    const { set: val } = await usableImages(splits.val, loader, { skipBad });
    return await listData({ train, val }, listing);
  } finally {
    await loader.close();
  }
}

/** The first digits of the pretrained weights' SHA-256, as far as they are known without a download. */
async function weightsNow({ source }: TrainingPlan['weights'], signal?: AbortSignal): Promise<string | undefined> {
  if (!source) return undefined;
  if (source.kind === 'published') return knownHash(source.file);
  return recordedWeights({ sha256: await sha256Of(source.path, signal) }, source);
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
  for (const { file, sha256 } of there) {
    for (const change of changedFile(file, sha256, await sha256Of(beside(file), signal))) changes.push(change);
  }
  return changes;
}

/**
 * @param anyway looks at the rest although modules have changed, which runs them
 * @throws UserError when the data, the weights to begin with or a checkpoint can't be read; the signal's reason when it is
 *   aborted
 */
export async function changesSince(
  run: RecordedRun,
  { segments, options }: Repetition,
  listing: ListOptions,
  anyway = false,
): Promise<Change[]> {
  const given = options.modules ?? {};
  const changes = distinct((await Promise.all(segments.map((one) => changedModules(one, given)))).flat());
  // Before anything of a module runs; a module that has changed may not even fit the recorded options.
  if (changes.length > 0 && !anyway) return changes;
  const modules = await loadModules(given);
  const plan = blaming(modules, () => parseRunOptions(options, modules));
  const facts = await machineFacts(plan.device);
  const { training } = segments[0]!.hyperparameters;
  const artifacts = blaming(modules, () => {
    requireLayout(training, modules.definitions);
    return artifactDigests(training, modules.definitions);
  });
  const weights = await weightsNow(plan.weights, listing.signal);
  const { text, ...now } = await dataNow(plan, listing);
  const data = { ...now, listing: LISTING };
  const found = [changes, await changedByHand(run, segments)];
  for (const segment of segments) {
    const before = segment.data && (await readListing(run.beside(segment.data.listing), segment.data.sha256));
    const details = before ? listingChanges(before, decodeListing(text, LISTING)) : undefined;
    found.push(
      changedFacts(segment.facts, facts),
      changedArtifacts(segment.artifacts, artifacts, suspects(segment)),
      changedWeights(segment, weights),
      changedData(segment.data, data, details),
    );
  }
  return distinct(found.flat());
}
