/** What a checkpoint says of its run, as the text entries of a safetensors file. */
import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import type { TrainingOptions } from '../graph/options.js';
import { requireRecordedOptions, requireTrainingOptions } from './check-options.js';
import { UserError } from './errors.js';
import { printable } from './weights/printable.js';
import { isSize } from './weights/sizes.js';

export interface CheckpointMetadata {
  /** Epochs finished, so that the training goes on in this epoch (0-based). */
  epoch: number;
  /** Steps of that epoch already done; 0 at its beginning. */
  epochStep: number;
  /** Steps done since the training began. */
  step: number;
  /** Seed of the generator; its other keys are the purpose, the epoch and the step, so that it has no further state. */
  seed: number;
  options: TrainingOptions;
  /** The runner's options that decide the numbers (learning rates, augmentation, threads); JSON values. */
  runOptions: Record<string, unknown>;
  /** The best evaluation so far: the steps done at it, and its Recall@1 in [0, 1]. */
  best: { step: number; recall: number } | null;
  /** How often the training went back and on with later random numbers (`--nan-policy rollback`); absent for 0. */
  rollbacks?: number;
}

/** A vector of the state, and how many consecutive tensors of the file it spans. */
export type VectorSpan = [name: string, tensors: number];

export interface NamedShape {
  name: string;
  shape: number[];
}

const GENERATOR = 'philox4x32-10';

/** JSON with sorted keys: equal values give equal text. */
const canonicalJson = (value: unknown): string =>
  JSON.stringify(value, (_, entry: unknown) =>
    typeof entry === 'object' && entry !== null && !Array.isArray(entry)
      ? Object.fromEntries(Object.entries(entry).sort(([a], [b]) => (a < b ? -1 : 1)))
      : entry,
  );

export function encodeMetadata(metadata: CheckpointMetadata, vectors: readonly VectorSpan[]): Record<string, string> {
  return {
    epoch: String(metadata.epoch),
    epoch_step: String(metadata.epochStep),
    step: String(metadata.step),
    random: canonicalJson({ generator: GENERATOR, seed: metadata.seed, rollbacks: metadata.rollbacks }),
    hyperparameters: canonicalJson({ run: metadata.runOptions, training: metadata.options }),
    best: canonicalJson(metadata.best),
    vectors: JSON.stringify(vectors),
  };
}

type Json = Record<string, unknown>;

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** An object of values, and lists of them: nothing that takes a deep stack to compare or to print. */
const isFlat = (value: unknown): value is Json =>
  isObject(value) &&
  Object.values(value)
    .flatMap((entry): unknown[] => (Array.isArray(entry) ? entry : [entry]))
    .every((entry) => entry === null || typeof entry !== 'object');

const isBest = (value: unknown): value is CheckpointMetadata['best'] =>
  value === null || (isObject(value) && isSize(value['step']) && typeof value['recall'] === 'number');

const isSpan = (value: unknown): value is VectorSpan =>
  Array.isArray(value) && value.length === 2 && /^[a-z][a-z_]*$/.test(String(value[0])) && isSize(value[1]);

/** The parsed entry; undefined where it is missing or no JSON. */
function parsed(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '') as unknown;
  } catch {
    return undefined;
  }
}

/**
 * Reads the entries that `encodeMetadata` wrote. A checkpoint's SHA-256 says that it is whole, not who wrote it: every
 * value is checked.
 *
 * @param path the file, for the error
 * @throws UserError naming the first entry that no training has written
 */
export function decodeMetadata(
  text: Readonly<Record<string, string>>,
  path: string,
): { metadata: CheckpointMetadata; vectors: VectorSpan[] } {
  const entry = <T>(name: string, holds: (value: unknown) => value is T): T => {
    const value = parsed(text[name]);
    if (holds(value)) return value;
    const found = text[name] === undefined ? 'missing' : printable(text[name]);
    throw new UserError(`${path} is damaged: its entry ${name} is ${found}. Take another checkpoint.`);
  };
  const random = entry('random', isObject);
  const { run, training } = entry('hyperparameters', isObject);
  const { seed, rollbacks } = random;
  if (!isSize(seed) || !(rollbacks === undefined || isSize(rollbacks)) || !isFlat(run) || !isFlat(training)) {
    throw new UserError(`${path} is damaged: its seed or its options are missing. Take another checkpoint.`);
  }
  try {
    requireTrainingOptions(training as unknown as TrainingOptions);
    requireRecordedOptions(run);
  } catch (error) {
    throw new UserError(`${path} holds options that no training has: ${printable((error as Error).message)}`, {
      cause: error,
    });
  }
  const vectors = entry('vectors', (value): value is VectorSpan[] => Array.isArray(value) && value.every(isSpan));
  return {
    metadata: {
      epoch: entry('epoch', isSize),
      epochStep: entry('epoch_step', isSize),
      step: entry('step', isSize),
      seed,
      options: training as unknown as TrainingOptions,
      runOptions: run,
      best: entry('best', isBest),
      ...(rollbacks !== undefined && { rollbacks }),
    },
    vectors,
  };
}

const HASH_BYTES = 16 * 2 ** 20;

/** SHA-256 of the metadata, the tensors' names and shapes, and their bytes; lets the event loop turn in between. */
export async function checkpointDigest(
  metadata: Readonly<Record<string, string>>,
  tensors: readonly NamedShape[],
  chunks: readonly Uint8Array[],
): Promise<string> {
  const header = canonicalJson({ metadata, tensors: tensors.map(({ name, shape }) => [name, shape]) });
  const hash = createHash('sha256').update(header);
  for (const chunk of chunks) {
    for (let offset = 0; offset < chunk.length; offset += HASH_BYTES) {
      hash.update(chunk.subarray(offset, offset + HASH_BYTES));
      await setImmediate();
    }
  }
  return hash.digest('hex');
}
