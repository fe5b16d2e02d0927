/** What a run leaves in its folder, and another program may have changed. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Philox } from '../../../src/graph/state/philox.js';
import type { Checkpoint } from '../../../src/runner/checkpoints/checkpoint.js';
import { loadCheckpoint, matchCheckpoint, saveCheckpoint } from '../../../src/runner/checkpoints/checkpoint.js';
import { checkpointDigest } from '../../../src/runner/checkpoints/metadata.js';
import { readMetrics, MetricsWriter } from '../../../src/runner/training/metrics-file.js';
import { newestCheckpoint } from '../../../src/runner/checkpoints/newest.js';
import { changedOptions } from '../../../src/runner/training/resume.js';
import { decodeSafetensors } from '../../../src/runner/formats/safetensors.js';
import { bytesOf, little } from '../../../test/runner/weights/pickles.js';
import { smallCheckpoint, smallLayout } from '../../../test/runner/checkpoints/small-checkpoint.js';
import { mutateJson } from '../json.js';
import type { Seed, Target } from '../target.js';

type Text = Record<string, string>;

const json = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));

const without = (key: string, object: object): object =>
  Object.fromEntries(Object.entries(object).filter(([name]) => name !== key));

/** Entries of the metadata that are JSON themselves. */
const nested = ['random', 'hyperparameters', 'best', 'vectors'];

/** The metadata as a checkpoint has them, of what may have become of them. */
function flattened(bytes: Uint8Array): Text | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
    if (typeof value !== 'object' || value === null) return undefined;
    const text = (entry: unknown) => (typeof entry === 'string' ? entry : (JSON.stringify(entry) ?? ''));
    return Object.fromEntries(Object.entries(value).map(([name, entry]) => [name, text(entry)]));
  } catch {
    return undefined;
  }
}

const withHeader = (header: string, data: Uint8Array): Uint8Array => {
  const bytes = Buffer.from(header);
  return bytesOf(little(bytes.length, 8), bytes, data);
};

/** A checkpoint of changed parts, with the SHA-256 that belongs to it; unsigned where its header is none. */
async function signed(metadata: Uint8Array, tensors: Uint8Array, data: Uint8Array): Promise<Uint8Array> {
  const text = flattened(metadata);
  const entries = Buffer.from(tensors).toString('utf8').replace(/^\{/, '');
  const header = (meta: unknown) => `{"__metadata__":${JSON.stringify(meta)},${entries}`;
  const unsigned = withHeader(
    text ? header(text) : `{"__metadata__":${Buffer.from(metadata).toString('utf8')},${entries}`,
    data,
  );
  try {
    const { metadata: read, tensors: found, data: rest } = decodeSafetensors(unsigned, '');
    return withHeader(header({ ...text, sha256: await checkpointDigest(read, found, [rest]) }), data);
  } catch {
    return unsigned;
  }
}

async function checkpointSeed(folder: string, optimizer: 'sgd' | 'adam'): Promise<Seed> {
  const file = path.join(folder, 'seed.safetensors');
  await saveCheckpoint(file, smallCheckpoint({ options: { optimizer } }));
  const bytes = new Uint8Array(await readFile(file));
  await rm(file);
  const { data, metadata } = decodeSafetensors(bytes, file);
  const header = JSON.parse(Buffer.from(bytes.subarray(8, bytes.length - data.length)).toString()) as object;
  const tensors = without('__metadata__', header);
  const expanded = Object.entries(without('sha256', metadata)).map(([name, entry]) => [
    name,
    nested.includes(name) ? (JSON.parse(entry as string) as unknown) : entry,
  ]);
  return {
    parts: [
      { bytes: json(Object.fromEntries(expanded)), change: mutateJson },
      { bytes: json(tensors), change: mutateJson },
      { bytes: data },
    ],
    build: ([meta, header, rest]) => signed(meta!, header!, rest!),
  };
}

/** Reads a checkpoint as a resumed run does. */
async function readCheckpoint(bytes: Uint8Array, folder: string): Promise<void> {
  const run = path.join(folder, 'run');
  await mkdir(run, { recursive: true });
  const file = path.join(run, 'checkpoint.safetensors');
  await writeFile(file, bytes);
  const newest = await newestCheckpoint(run);
  const checkpoint = await loadCheckpoint(file);
  if (newest.checkpoint === undefined) throw new Error('a whole checkpoint is not the newest of its folder');
  const { options, seed } = checkpoint.metadata;
  requireHonest(checkpoint);
  matchCheckpoint(checkpoint, { options, layout: smallLayout });
  changedOptions(checkpoint, { training: smallCheckpoint().metadata.options, recorded: {}, seed });
  for (const [name, values] of Object.entries(checkpoint.state)) {
    if (!(values instanceof Float32Array)) throw new Error(`${name} holds no numbers`);
    if (!values.every(Number.isFinite)) throw new Error(`${name} holds numbers that are not finite`);
  }
}

const largestFloat = 3.4028234663852886e38;
const mostThreads = 1024;

/**
 * A right SHA-256 says nothing of who wrote a file: what it says of its training is to be what one can have had.
 *
 * @throws Error, or what random numbers throw for steps that they do not tell apart
 */
function requireHonest({ metadata }: Checkpoint): void {
  const { options, runOptions, epoch, epochStep, step, seed, best, rollbacks = 0 } = metadata;
  const said = Object.entries({ ...options, ...runOptions });
  for (const [name, value] of said) {
    if (!/^[A-Za-z]\w{0,63}$/.test(name)) throw new Error(`an option named ${JSON.stringify(name)}`);
    const values: unknown[] = Array.isArray(value) ? value : [value];
    if (values.some((one) => typeof one === 'number' && !(Math.abs(one) <= largestFloat)))
      throw new Error(`${name} is beyond float32`);
    if (values.some((one) => typeof one === 'string' && /[<>\p{C}]/u.test(one))) throw new Error(`${name} is no word`);
  }
  const { threads = 1, batchNum = 1 } = runOptions as { threads?: number; batchNum?: number };
  if (threads > mostThreads) throw new Error(`${threads} threads`);
  if (epochStep > step || (best && (best.step > step || best.recall > 1)))
    throw new Error('steps that contradict each other');
  new Philox(seed, 'sampling', epoch, epochStep);
  new Philox(seed, 'sampling', epoch, rollbacks * batchNum);
}

const records = [
  { kind: 'step', epoch: 0, step: 1, loss: 0.5, pairs: 3, lr: 0.1, lr_beta: 0, step_seconds: 1, data_seconds: 0 },
  {
    kind: 'step',
    epoch: 0,
    step: 2,
    loss: null,
    pairs: 0,
    lr: 0.1,
    lr_beta: 0,
    step_seconds: 1,
    data_seconds: 0,
    skipped: true,
  },
  { kind: 'eval', epoch: 0, step: 2, recall: { 1: 0.5, 2: 0.75 } },
];

async function readRunMetrics(bytes: Uint8Array, folder: string): Promise<void> {
  const file = path.join(folder, 'metrics.jsonl');
  await writeFile(file, bytes);
  const writer = await MetricsWriter.open(file, { step: 1, goesOnHere: true });
  await writer.close();
  if ((await readMetrics(file)).some(({ step }) => step > 1)) throw new Error('records after the step are left');
  await writeFile(file, bytes);
  for (const record of await readMetrics(file)) {
    if (record.kind === 'eval' && Object.values(record.recall).some((recall) => typeof recall !== 'number')) {
      throw new Error('an evaluation without numbers');
    }
    if (record.kind === 'step' && !(record.loss === null || typeof record.loss === 'number'))
      throw new Error('a step without a loss');
  }
}

export const runs: Target[] = [
  {
    name: 'checkpoint',
    seeds: async (folder) => [await checkpointSeed(folder, 'sgd'), await checkpointSeed(folder, 'adam')],
    tokens: ['"__metadata__"', '"params"', '[2,3]', 'F32', 'NaN', '__proto__', '\u202e', '\n'].map((text) =>
      Buffer.from(text),
    ),
    read: readCheckpoint,
  },
  {
    name: 'metrics',
    seeds: async () => [
      {
        parts: records.map((record) => ({ bytes: json(record), change: mutateJson })),
        build: (parts) => bytesOf(...parts.map((part) => bytesOf(part, '\n'))),
      },
    ],
    tokens: ['\n', '\r', '{"kind":"eval","step":1}\n', '{"kind":"step","step":1}\n', 'null', '\ufeff'].map((text) =>
      Buffer.from(text),
    ),
    read: readRunMetrics,
  },
];
