/** What a checkpoint says of its run, as the text entries of a safetensors file. */
import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import type { TrainingOptions } from '../../graph/options.js';
import type { NamedShape } from '../../graph/state/state.js';
import type { Preprocessing, Squares } from '../../graph/preprocessing.js';
import { preprocessingOf } from '../../graph/preprocessing.js';
import { parseRecorded, requireSquares } from '../options/rules.js';
import { UserError } from '../base/errors.js';
import type { PartKind } from '../modules/kinds.js';
import { parseLabel } from '../modules/kinds.js';
import { printable } from '../base/printable.js';
import { isSize } from '../base/sizes.js';

/** Steps whose update was left out. */
export interface LeftOut {
  /** Their gradients, scaled, overflowed float16. */
  overflow: number;
  /** Their loss or their gradient was not finite. */
  notFinite: number;
}

/** Where a training stands, and with which options it came there. */
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
  /** Since the training began, in whatever precision; absent for none. */
  leftOut?: LeftOut;
  /** A backbone that was an ONNX file, without its weights; see `modules/network-text.ts`. */
  network?: string;
}

/** A vector of the state, and how many consecutive tensors of the file it spans. */
export type VectorSpan = [name: string, tensors: number];

const GENERATOR = 'philox4x32-10';

/** JSON with sorted keys: equal values give equal text. */
const canonicalJson = (value: unknown): string =>
  JSON.stringify(value, (_, entry: unknown) =>
    typeof entry === 'object' && entry !== null && !Array.isArray(entry)
      ? Object.fromEntries(Object.entries(entry).sort(([a], [b]) => (a < b ? -1 : 1)))
      : entry,
  );

/** What the training made of images; of checkpoints of versions before 0.3, what those made of them. */
export function recordedPreprocessing({
  options,
  runOptions,
}: Pick<CheckpointMetadata, 'options' | 'runOptions'>): Preprocessing {
  const { imageSize, mean, std } = options;
  const { resize, resizeTo, filter } = runOptions as Partial<Squares>;
  return preprocessingOf({ imageSize, mean, std, resize, resizeTo, filter });
}

/** All of it in one place for whoever reads the file; follows from the options. Not there in runs that go on as versions before 0.3 did. */
const preprocessingEntry = (
  metadata: Pick<CheckpointMetadata, 'options' | 'runOptions'>,
): { preprocessing?: string } =>
  metadata.runOptions['filter'] === undefined ? {} : { preprocessing: canonicalJson(recordedPreprocessing(metadata)) };

export function encodeMetadata(metadata: CheckpointMetadata, vectors: readonly VectorSpan[]): Record<string, string> {
  return {
    epoch: String(metadata.epoch),
    epoch_step: String(metadata.epochStep),
    step: String(metadata.step),
    random: canonicalJson({ generator: GENERATOR, seed: metadata.seed, rollbacks: metadata.rollbacks }),
    hyperparameters: canonicalJson({ run: metadata.runOptions, training: metadata.options }),
    best: canonicalJson(metadata.best),
    ...(metadata.leftOut && { left_out: canonicalJson(metadata.leftOut) }),
    ...(metadata.network !== undefined && { network: metadata.network }),
    ...preprocessingEntry(metadata),
    vectors: JSON.stringify(vectors),
  };
}

type Json = Record<string, unknown>;

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Levels of lists and objects in an object of options: nothing that takes a deep stack to compare or to print. */
const deepest = 4;

const isShallow = (value: unknown, levels = deepest): boolean =>
  typeof value !== 'object' ||
  value === null ||
  (levels > 0 && Object.values(value).every((entry) => isShallow(entry, levels - 1)));

const isFlat = (value: unknown): value is Json => isObject(value) && isShallow(value);

/** The parts that modules had brought, by what a run has recorded. */
const ownParts = ({ modules = [] }: Json): PartKind[] =>
  (modules as unknown[]).flatMap((label) => parseLabel(label)?.kind ?? []);

/** Epochs, and steps of one: no more than random numbers are told apart by. */
const isCount = (value: unknown): value is number => isSize(value) && value < 2 ** 31;
/** Steps in all. */
const isStep = (value: unknown): value is number => isSize(value) && value < 2 ** 48;

const isShare = (value: unknown): boolean => typeof value === 'number' && value >= 0 && value <= 1;

const isBest = (value: unknown): value is CheckpointMetadata['best'] =>
  value === null || (isObject(value) && isStep(value['step']) && isShare(value['recall']));

const isLeftOut = (value: unknown): value is LeftOut =>
  isObject(value) && isStep(value['overflow']) && isStep(value['notFinite']);

const isSpan = (value: unknown): value is VectorSpan =>
  Array.isArray(value) && value.length === 2 && /^[a-z][a-z0-9_]*$/.test(String(value[0])) && isSize(value[1]);

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
  if (!isSize(seed) || !(rollbacks === undefined || isCount(rollbacks)) || !isFlat(run) || !isFlat(training)) {
    throw new UserError(`${path} is damaged: its seed or its options are missing. Take another checkpoint.`);
  }
  let options: ReturnType<typeof parseRecorded>;
  try {
    options = parseRecorded(training, run, ownParts(run));
    requireSquares(recordedPreprocessing({ options: options.training, runOptions: options.run }));
  } catch (error) {
    throw new UserError(`${path} holds options that no training has: ${printable((error as Error).message)}`, {
      cause: error,
    });
  }
  if (
    text['preprocessing'] !== preprocessingEntry({ options: options.training, runOptions: options.run }).preprocessing
  ) {
    throw new UserError(
      `${path} is damaged: its entry preprocessing is not that of its options. Take another checkpoint.`,
    );
  }
  const vectors = entry('vectors', (value): value is VectorSpan[] => Array.isArray(value) && value.every(isSpan));
  const metadata: CheckpointMetadata = {
    epoch: entry('epoch', isCount),
    epochStep: entry('epoch_step', isCount),
    step: entry('step', isStep),
    seed,
    options: options.training,
    runOptions: options.run,
    best: entry('best', isBest),
    ...(rollbacks !== undefined && { rollbacks }),
    ...(text['left_out'] !== undefined && { leftOut: entry('left_out', isLeftOut) }),
    ...(text['network'] !== undefined && { network: text['network'] }),
  };
  const wrong = contradiction(metadata);
  if (wrong !== undefined) throw new UserError(`${path} is damaged: ${wrong}. Take another checkpoint.`);
  return { metadata, vectors };
}

/** Counters that no training can have come to; undefined for those that fit. */
function contradiction(metadata: CheckpointMetadata): string | undefined {
  const { epochStep, step, best, runOptions, rollbacks = 0, leftOut } = metadata;
  const epochSteps = (runOptions['batchNum'] as number | undefined) ?? 1;
  if (epochStep > step) return `it has done ${epochStep} steps of its epoch, and ${step} in all`;
  if (best !== null && best.step > step) return `its best is that after step ${best.step}, and it has done ${step}`;
  if (leftOut && leftOut.overflow + leftOut.notFinite > step)
    return `it has left out ${leftOut.overflow + leftOut.notFinite} steps, and done ${step}`;
  // They shift the steps that random numbers are drawn for.
  if ((rollbacks + 1) * epochSteps >= 2 ** 31) return `it has gone back ${rollbacks} times`;
  return undefined;
}

const HASH_BYTES = 16 * 2 ** 20;

/** SHA-256 of the metadata, the tensors' names and shapes, and their bytes; lets the event loop turn in between. */
export async function checkpointDigest(
  metadata: Readonly<Record<string, string>>,
  tensors: readonly NamedShape[],
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<string> {
  const header = canonicalJson({ metadata, tensors: tensors.map(({ name, shape }) => [name, shape]) });
  const hash = createHash('sha256').update(header);
  for await (const chunk of chunks) {
    for (let offset = 0; offset < chunk.length; offset += HASH_BYTES) {
      hash.update(chunk.subarray(offset, offset + HASH_BYTES));
      await setImmediate();
    }
  }
  return hash.digest('hex');
}
