/** What was recorded of a run, that `dws verify`, `dws diff` and `dws report` go by. */
import path from 'node:path';
import { UserError } from '../../../src/runner/base/errors.js';
import { changedOptions, editedOptions } from '../../../src/runner/reproduce/changes.js';
import { decodeListing, listingChanges } from '../../../src/runner/reproduce/data-listing.js';
import type { ListedFile } from '../../../src/runner/reproduce/data-listing.js';
import { factTable } from '../../../src/runner/reproduce/facts.js';
import { requireNamed } from '../../../src/runner/reproduce/modules.js';
import { plainOptions } from '../../../src/runner/reproduce/options.js';
import type { RunRecord, Segment } from '../../../src/runner/reproduce/record.js';
import { decodeRecord, emptyRecord, encodeRecord, LISTING, RECORD } from '../../../src/runner/reproduce/record.js';
import { smallMetadata } from '../../../test/runner/checkpoints/small-checkpoint.js';
import { smallRun } from '../../../test/runner/training/train-options.js';
import { mutateJson } from '../json.js';
import type { Target } from '../target.js';
import { isPlainName, textSeed } from '../target.js';

const sha256 = 'c0ffee'.padEnd(64, '0');

/** With the options that few runs have. */
const options = smallRun({
  ...{ dataPath: 'data', out: 'run', model: 'squeezenet1_1', classes: 2, dropout: 0.5, clipNorm: 1, nanPolicy: 'skip' },
  pretrained: { kind: 'published', weights: 'v1' },
});

const begun: Segment = {
  ...{ started: '2026-01-02T03:04:05.678Z', status: 'interrupted' },
  from: { epoch: 0, epochStep: 0, step: 0 },
  to: { epoch: 0, epochStep: 1, step: 1 },
  options: plainOptions(options),
  hyperparameters: { training: smallMetadata().options, run: { lr: 0.01, steps: [2], seed: 7 } },
  stepsPerEpoch: 2,
  facts: Object.fromEntries(Object.keys(factTable).map((name) => [name, '1.2.3'])) as Segment['facts'],
  artifacts: { 'train_loop.onnx': sha256, 'eval_model.onnx': sha256 },
  data: { listing: LISTING, sha256, train: 1, val: 1 },
};

const record: RunRecord = {
  ...emptyRecord(),
  segments: [
    begun,
    { ...begun, ended: '2026-01-02T03:05:05.678Z', status: 'failed', error: 'the disk is full', from: begun.to! },
  ],
  epochs: [{ epoch: 1, step: 2, sha256 }],
  checkpoints: [{ file: 'checkpoint.safetensors', bytes: 1024, sha256 }],
  result: {
    ...{ status: 'done', epoch: 1, step: 2, loss: 0.5 },
    ...{ before: { 1: 0.25 }, last: { 1: 0.5 }, best: { step: 2, recall: 0.5 } },
  },
};

/** Of a training with modules. */
const withModules: RunRecord = {
  ...record,
  segments: [
    {
      ...begun,
      options: plainOptions({
        ...options,
        ...{ loss: undefined, lossOptions: { start: 1.5, shape: 'flat', sharp: true }, lossRates: { edge: 0.01 } },
        modules: { loss: { path: '../my loss.mjs', sha256 }, backbone: { path: '/home/me/backbone.mjs' } },
        otherModules: false,
      }),
      hyperparameters: {
        training: { ...begun.hyperparameters.training, loss: 'pull-push', lossOptions: { start: 1.5 } },
        run: { ...begun.hyperparameters.run, modules: [`loss:${sha256.slice(0, 16)}`], lossRates: { edge: 0.01 } },
      },
      modules: [
        { kind: 'loss', path: '/home/me/my loss.mjs', sha256, files: [{ path: 'my loss.mjs', sha256 }] },
        { kind: 'backbone', path: '/home/me/backbone.mjs', sha256, files: [{ path: '../width.mjs', sha256 }] },
      ],
    },
  ],
};

/** What a record says of modules is told in one line, and never a reason to load one. */
function tellModules({ segments }: RunRecord): void {
  try {
    requireNamed(segments, {}, RECORD);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    if (/[\p{C}\p{Zl}\p{Zp}]/u.test(error.message))
      throw new Error('a message with control characters', { cause: error });
  }
}

const files: ListedFile[] = [
  { sha256, split: 'train', label: 0, class: 'bee', path: 'bee/1.png' },
  { sha256, split: 'val', label: 0, class: 'dog', path: 'dog/a b.jpg' },
];

export const records: Target[] = [
  {
    name: RECORD,
    seeds: async () => [record, withModules].map((one) => textSeed(encodeRecord(one), mutateJson)),
    tokens: ['"status":"running"', '__proto__', '../', '\u202e', '\\u0000', '\n', '1e999'].map((text) =>
      Buffer.from(text),
    ),
    read: async (bytes, folder) => {
      const read = decodeRecord(new TextDecoder().decode(bytes), path.join(folder, RECORD));
      for (const segment of read.segments) {
        changedOptions(begun, segment);
        editedOptions(segment, segment.hyperparameters);
      }
      tellModules(read);
      if (!read.checkpoints.every(({ file }) => isPlainName(file)))
        throw new Error('a checkpoint outside of its folder');
    },
  },
  {
    name: LISTING,
    seeds: async () => [
      {
        parts: files.map((file) => ({ bytes: Buffer.from(JSON.stringify(file)), change: mutateJson })),
        build: (parts) => Buffer.concat(parts.flatMap((part) => [part, Buffer.from('\n')])),
      },
    ],
    tokens: ['\n', '\r\n', '../', '/', 'C:\\', '\0', '\ufeff', '{}\n'].map((text) => Buffer.from(text)),
    read: async (bytes, folder) => {
      const read = decodeListing(new TextDecoder().decode(bytes), path.join(folder, LISTING));
      listingChanges(files, read);
      const root = path.resolve(folder);
      if (read.some((file) => !path.resolve(root, file.path).startsWith(root + path.sep)))
        throw new Error('an image outside of its folder');
    },
  },
];
