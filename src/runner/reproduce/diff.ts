/** Two runs beside each other: what they were told, what they ran on, and where their numbers part. */
import { existsSync } from 'node:fs';
import type { Change } from './changes.js';
import { changedArtifacts, changedData, changedFacts, changedOptions } from './changes.js';
import type { CurveComparison } from './curves.js';
import { compareCurves } from './curves.js';
import { listingChanges, readListing } from './data-listing.js';
import type { RecordedRun, Segment } from './record.js';
import { openRun } from './record.js';
import { recordedMetrics } from './repetition.js';
import type { CheckpointDifference } from './tensors.js';
import { compareCheckpoints } from './tensors.js';
import { requirePaths } from '../base/require-paths.js';

/** A checkpoint of two runs, or of one of them. */
export interface ComparedCheckpoint {
  /** Without the runs' prefixes. */
  name: string;
  /** Undefined where only one of the runs has it. */
  difference?: CheckpointDifference;
  onlyIn?: 'a' | 'b';
}

/** What is different between two runs. */
export interface RunDifference {
  /** The runs' losses, Recall@k and checkpoints are the same bits. */
  isSame: boolean;
  /** In each, `was` is a's and `now` is b's; of the last part of a run that was resumed. */
  options: Change[];
  facts: Change[];
  artifacts: Change[];
  data: Change[];
  curves: CurveComparison;
  /** The first finished epoch after which the checkpoints differ, of those that both have. */
  epochs: { both: number; first?: { epoch: number; step: number } };
  checkpoints: ComparedCheckpoint[];
}

const files = ['checkpoint.safetensors', 'best.safetensors'];

async function comparedData(a: RecordedRun, b: RecordedRun): Promise<Change[]> {
  const listingOf = ({ beside, last: { data } }: RecordedRun) => data && readListing(beside(data.listing), data.sha256);
  const [before, after] = [await listingOf(a), await listingOf(b)];
  return changedData(a.last.data, b.last.data, before && after ? listingChanges(before, after) : undefined);
}

async function comparedCheckpoints(a: RecordedRun, b: RecordedRun): Promise<ComparedCheckpoint[]> {
  const compared: ComparedCheckpoint[] = [];
  for (const name of files) {
    const [one, two] = [a, b].map(({ prefix, beside }) => beside(prefix + name)) as [string, string];
    const [isInA, isInB] = [existsSync(one), existsSync(two)];
    if (isInA && isInB) compared.push({ name, difference: await compareCheckpoints(one, two) });
    else if (isInA || isInB) compared.push({ name, onlyIn: isInA ? 'a' : 'b' });
  }
  return compared;
}

const isSameCheckpoint = ({ metadata, layout, differing }: CheckpointDifference): boolean =>
  metadata.length === 0 && layout === undefined && differing === 0;

/**
 * Compares two runs: options, facts, data, losses, checkpoints.
 *
 * @param a and b: folders of runs, or their `run.json`
 * @throws UserError when a run or one of its files can't be read
 */
export async function diffRuns(a: string, b: string): Promise<RunDifference> {
  requirePaths('diffRuns', { a, b });
  const [one, two] = [await openRun(a), await openRun(b)];
  const [was, now]: Segment[] = [one.last, two.last];
  const curves = compareCurves(await recordedMetrics(one), await recordedMetrics(two));
  const others = new Map(two.record.epochs.map(({ epoch, sha256 }) => [epoch, sha256]));
  const both = one.record.epochs.filter(({ epoch }) => others.has(epoch));
  const first = both.find(({ epoch, sha256 }) => others.get(epoch) !== sha256);
  const checkpoints = await comparedCheckpoints(one, two);
  const differing = checkpoints.filter(({ difference }) => !difference || !isSameCheckpoint(difference));
  return {
    isSame: !curves.first && curves.onlyA + curves.onlyB === 0 && !first && differing.length === 0,
    options: changedOptions(was!, now!),
    facts: changedFacts(was!.facts, now!.facts),
    artifacts: changedArtifacts(was!.artifacts, now!.artifacts),
    data: await comparedData(one, two),
    curves,
    epochs: { both: both.length, ...(first && { first: { epoch: first.epoch, step: first.step } }) },
    checkpoints,
  };
}
