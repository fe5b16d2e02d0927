/**
 * `checkpoint.safetensors`: everything that a run needs to go on as if it had not stopped.
 *
 * Tensors, all float32, in this order: the parameters and the running statistics by their names, `beta`,
 * `beta_momentum`, each optimizer vector as `optimizer.<vector>.<parameter>`, and what else the optimizer keeps as
 * `optimizer.<name>`. So each flat vector of the training state is one range of the file's bytes, and loading it copies
 * nothing. The entry `vectors` of the metadata tells how many consecutive tensors each vector spans.
 *
 * Equal runs write equal bytes: no time, no path and nothing that does not decide the numbers belongs in here.
 */
import { createReadStream } from 'node:fs';
import type { TrainingOptions } from '../../graph/options.js';
import { elementCount } from '../../graph/onnx/types.js';
import type { StateTensor } from '../../graph/parts/state.js';
import { describeState } from '../../graph/step/describe.js';
import type { NamedShape, NetworkLayout, TrainingState } from '../../graph/state/state.js';
import { checkpointDigest, decodeMetadata, encodeMetadata } from './metadata.js';
import type { CheckpointMetadata, VectorSpan } from './metadata.js';
import { allFinite } from '../base/all-finite.js';
import { UserError } from '../base/errors.js';
import { readWholeFile, writeOwnFile } from '../base/files.js';
import { decodeSafetensors, encodeSafetensors, float32Bytes, float32View } from '../formats/safetensors.js';
import type { Safetensors } from '../formats/safetensors.js';
import { printable, printableJson } from '../base/printable.js';

const FORMAT = 'dws-checkpoint';
const VERSION = '1';

export type { NamedShape } from '../../graph/state/state.js';
export type { CheckpointMetadata, LeftOut } from './metadata.js';

/** A checkpoint as it was read. */
export interface Checkpoint {
  path: string;
  metadata: CheckpointMetadata;
  /** Views of the file's bytes. */
  state: TrainingState;
  /** The tensors inside `state.params`, in order. */
  params: NamedShape[];
  /** The tensors inside `state.buffers`, in order. */
  buffers: NamedShape[];
}

export interface CheckpointContent {
  layout: NetworkLayout;
  state: TrainingState;
  metadata: CheckpointMetadata;
  /** What the state is made of; follows from the options but for parts of modules. */
  tensors?: readonly StateTensor[];
}

/** Of a file that is read back. */
const READ_BYTES = 2 ** 20;

/**
 * Writes a checkpoint in one piece (see `writeOwnFile`). What was written is read back and checked before it gets its name: native code
 * has the state in its hands between runs, and so has a disk after them.
 *
 * @param requireOurs called when only the new name is missing; what it throws leaves the old file
 * @throws Error when a state vector is missing or has another length than the layout says
 * @throws UserError when the file can't be written, or is not what was to be written
 */
export async function saveCheckpoint(
  path: string,
  { layout, state, metadata, tensors: described = describeState(metadata.options, layout) }: CheckpointContent,
  requireOurs?: () => Promise<void>,
): Promise<void> {
  const chunks: Uint8Array[] = [];
  const tensors = described.flatMap((vector) => {
    const values = state[vector.name];
    const expected = vector.tensors.reduce((sum, { shape }) => sum + elementCount(shape), 0);
    if (values?.length !== expected) {
      throw new Error(`checkpoint: the state's ${vector.name} has ${values?.length} values instead of ${expected}`);
    }
    const bytes = float32Bytes(values);
    chunks.push(bytes);
    let offset = 0;
    return vector.tensors.map(({ name, shape }) => {
      const begin = offset;
      offset += 4 * elementCount(shape);
      return { name, dtype: 'F32' as const, shape, data: bytes.subarray(begin, offset) };
    });
  });
  const text: Record<string, string> = {
    format: FORMAT,
    version: VERSION,
    ...encodeMetadata(
      metadata,
      described.map(({ name, tensors: spanned }): VectorSpan => [name, spanned.length]),
    ),
  };
  const sha256 = await checkpointDigest(text, tensors, chunks);
  const content = encodeSafetensors(tensors, { ...text, sha256 });
  const dataBytes = chunks.reduce((sum, { length }) => sum + length, 0);
  const fileBytes = content.reduce((sum, { length }) => sum + length, 0);
  await writeOwnFile(path, content, async (temporary) => {
    const written = createReadStream(temporary, { start: fileBytes - dataBytes, highWaterMark: READ_BYTES });
    if ((await checkpointDigest(text, tensors, written)) !== sha256) {
      throw new UserError(
        `can't write ${path}: what was written is not what was to be written. The file that was there before is as it was; the ` +
          `memory or the disk of this machine may be faulty. Go on from the checkpoint with --resume auto.`,
      );
    }
    await requireOurs?.();
  });
}

/** A checkpoint that another version of this program reads. */
export class OtherVersionError extends UserError {}

/** First bytes of files that are often taken for a checkpoint. */
const FOREIGN: readonly [start: string, what: string][] = [
  ['PK\x03\x04', 'a zip archive, as PyTorch writes for .pth and .pt files'],
  ['\x80\x02', 'a Python pickle, as old versions of PyTorch write'],
  ['\x93NUMPY', 'a NumPy array'],
  ['\x89HDF', 'an HDF5 file'],
  ['GGUF', 'a GGUF file'],
  ['\x08', 'an ONNX model'],
];

const ADVICE = "Give a checkpoint.safetensors or best.safetensors that 'dws train' wrote.";

function decode(bytes: Uint8Array, path: string): Safetensors {
  const start = Buffer.from(bytes.subarray(0, 9)).toString('latin1');
  const foreign = start[8] === '{' ? undefined : FOREIGN.find(([magic]) => start.startsWith(magic));
  if (foreign !== undefined) throw new UserError(`${path} is not a checkpoint of dws but ${foreign[1]}. ${ADVICE}`);
  return decodeSafetensors(bytes, path);
}

/**
 * Reads a checkpoint and checks that it is whole.
 *
 * @throws UserError when the file can't be read, is damaged or cut short, is something else than a checkpoint of this
 *   program, or (OtherVersionError) comes from a newer version of it
 */
export async function loadCheckpoint(path: string): Promise<Checkpoint> {
  const { metadata, tensors, data } = decode(await readWholeFile(path), path);
  if (metadata.format !== FORMAT) {
    const origin = metadata.format === undefined ? '' : ` (format '${printable(metadata.format)}')`;
    const first = tensors[0] === undefined ? '' : `, the first named ${printable(tensors[0].name)}`;
    throw new UserError(
      `${path} is not a checkpoint of dws but another program's safetensors file${origin} ` +
        `with ${tensors.length} tensors${first}. ${ADVICE}`,
    );
  }
  if (metadata.version !== VERSION) {
    throw new OtherVersionError(
      `${path} is a checkpoint of version ${printable(metadata.version ?? '?')}, this dws reads version ${VERSION}. ` +
        `Use the dws that wrote it, or a newer one.`,
    );
  }
  const { sha256, ...text } = metadata;
  if ((await checkpointDigest(text, tensors, [data])) !== sha256) {
    throw new UserError(`${path} is damaged: its SHA-256 is not the recorded one. Take another copy or checkpoint.`);
  }
  const { metadata: decoded, vectors } = decodeMetadata(text, path);
  const state: TrainingState = {};
  const groups: Record<string, NamedShape[]> = {};
  let first = 0;
  let offset = 0;
  for (const [name, count] of vectors) {
    const group = tensors.slice(first, first + count);
    const bytes = group.reduce((sum, tensor) => sum + tensor.data.length, 0);
    state[name] = float32View(data.subarray(offset, offset + bytes));
    groups[name] = group.map(({ name, shape }) => ({ name, shape }));
    first += count;
    offset += bytes;
  }
  const { params, buffers } = groups;
  if (!params || !buffers || first !== tensors.length || tensors.some(({ dtype }) => dtype !== 'F32')) {
    throw new UserError(`${path} is damaged: its tensors are not those of a training. Take another checkpoint.`);
  }
  const broken = Object.keys(state).find((name) => !allFinite(state[name]!));
  if (broken !== undefined) {
    throw new UserError(
      `${path} holds numbers that are not finite (in ${printable(broken)}), which no training saves. Take another checkpoint.`,
    );
  }
  return { path, metadata: decoded, state, params, buffers };
}

/** Options that decide the state's shapes, and how the CLI calls them. */
const SHAPING_OPTIONS = [
  ['model', '--model'],
  ['embedDim', '--embed-dim'],
  ['featDim', '--feat-dim'],
  ['classes', '--classes'],
  ['optimizer', '--optimizer'],
] as const satisfies readonly (readonly [keyof TrainingOptions, string])[];

/** What a checkpoint's network does not depend on. */
const BESIDE_THE_NETWORK: readonly string[] = ['classes', 'optimizer'];

function firstDifference(kind: string, actual: readonly NamedShape[], expected: readonly NamedShape[]): string[] {
  const describe = (tensor: NamedShape | undefined): string =>
    tensor === undefined ? `no further ${kind}` : `${printable(tensor.name)} ${printableJson(tensor.shape)}`;
  for (let index = 0; index < Math.max(actual.length, expected.length); index++) {
    const [there, here] = [describe(actual[index]), describe(expected[index])];
    if (there !== here) return [`it has ${there} where this run has ${here}`];
  }
  return [];
}

/** Vectors of another length than the run's, which tensors of the right names and shapes do not exclude. */
const otherLengths = ({ state }: Checkpoint, wantedState: readonly StateTensor[]): string[] =>
  wantedState
    .map(({ name, shape }) => ({ name, found: state[name]?.length ?? 0, wanted: elementCount(shape) }))
    .filter(({ found, wanted }) => found !== wanted)
    .map(({ name, found, wanted }) => `its ${name} has ${found} values where this run has ${wanted}`);

/**
 * Checks that a checkpoint fits a run.
 *
 * @param expected the run's network, and those of its options that must agree: a run that only evaluates leaves out
 *   `classes` and `optimizer`, and the state
 * @throws UserError naming each option, or else the first tensor, that differs, with both values
 */
export function matchCheckpoint(
  checkpoint: Checkpoint,
  expected: { options: Partial<TrainingOptions>; layout: NetworkLayout; state?: readonly StateTensor[] },
): void {
  const { options } = checkpoint.metadata;
  const differing = SHAPING_OPTIONS.filter(
    ([key]) => expected.options[key] !== undefined && expected.options[key] !== options[key],
  );
  const optionDifferences = differing.map(
    ([key, flag]) => `it was made with ${flag} ${options[key]}, this run has ${flag} ${expected.options[key]}`,
  );
  const differences =
    optionDifferences.length > 0
      ? optionDifferences
      : [
          ...firstDifference('parameter', checkpoint.params, expected.layout.params),
          ...firstDifference('running statistic', checkpoint.buffers, expected.layout.buffers),
          ...otherLengths(checkpoint, expected.state ?? []),
        ];
  if (differences.length === 0) return;
  const keys = differing.map(([key]) => key);
  const sharesNetwork = keys.includes('classes') && keys.every((key) => BESIDE_THE_NETWORK.includes(key));
  const advice = sharesNetwork
    ? `A new training on other classes can begin with its weights: --pretrained ${checkpoint.path} in place of ` +
      `--resume, and another --out.`
    : `Give the options that the checkpoint was made with, or another checkpoint.`;
  throw new UserError(`${checkpoint.path} does not fit this run: ${differences.join('; ')}. ${advice}`);
}
