/** Differences to be found. */
import { cp, rm } from 'node:fs/promises';
import path from 'node:path';
import { exitCodes } from '../../src/cli/reproduce-codes.js';
import type { RunRecord } from '../../src/runner/reproduce/record.js';
import { changePixel, editedRun } from './runs.js';

interface Place {
  run: string;
  data: string;
  /** Not there yet. */
  copy: string;
}

export interface Plant {
  name: string;
  /** Plants it, and returns the arguments of `dws verify`. */
  prepare: (place: Place) => Promise<string[]>;
  code: number;
  says: RegExp[];
}

async function otherPixel({ run, data, copy }: Place): Promise<string[]> {
  await cp(data, copy, { recursive: true });
  await changePixel(path.join(copy, 'train', '2', '1.png'));
  return [run, '--data-path', copy];
}

const inRecord =
  (edit: (segment: RunRecord['segments'][number]) => unknown) =>
  async ({ run, copy }: Place): Promise<string[]> => [await editedRun(run, copy, ({ segments }) => edit(segments[0]!))];

/** Edits every place of the record, and leaves no checkpoint to compare it with: only the numbers can tell. */
const everywhere =
  (edit: (values: { threads?: unknown; lr?: unknown }) => unknown) =>
  async ({ run, copy }: Place): Promise<string[]> => {
    await editedRun(run, copy, ({ segments: [segment] }) => {
      edit(segment!.options);
      edit(segment!.hyperparameters.run);
    });
    for (const name of ['checkpoint', 'best']) await rm(path.join(copy, `${name}.safetensors`), { force: true });
    return [copy];
  };

const anyway = (prepare: Plant['prepare']) => async (place: Place) => [...(await prepare(place)), '--anyway'];

const { changed, differs, same } = exitCodes;
const pixel = /data: 12 \+ 12 images, \w+ -> 12 \+ 12 images, \w+\n +train: 2\/1\.png has another content\n/;
const version = /ONNX Runtime: 1\.0\.0 -> /;
const oldVersion = inRecord(({ facts }) => (facts.onnxruntime = '1.0.0'));
const numbers = /differs from .*\n +loss of step \d+: \S+ -> \S+\n/;
const nothing = /nothing that is recorded has changed/;

export const plants: readonly Plant[] = [
  { name: 'one pixel of one image, before training', prepare: otherPixel, code: changed, says: [pixel] },
  {
    name: 'one pixel of one image, by the numbers',
    ...{ prepare: anyway(otherPixel), code: differs, says: [pixel, numbers, /what has changed: data/] },
  },
  {
    name: 'another thread count, before training',
    ...{ prepare: inRecord(({ options }) => (options.threads = 1)), code: changed, says: [/--threads: 2 -> 1\n/] },
  },
  {
    name: 'another thread count, edited everywhere: by the numbers',
    ...{ prepare: everywhere((values) => (values.threads = 1)), code: differs, says: [numbers, nothing] },
  },
  {
    name: 'another version in run.json, before training',
    ...{ prepare: oldVersion, code: changed, says: [version] },
  },
  {
    name: 'another version in run.json, which has changed no bit of the first epoch',
    prepare: async (place) => [...(await anyway(oldVersion)(place)), '--epochs', '1'],
    ...{ code: same, says: [version, /\nidentical: /] },
  },
  {
    name: 'one option, before training',
    ...{
      prepare: inRecord(({ options }) => (options.margin = 0.25)),
      code: changed,
      says: [/--margin: 0\.2 -> 0\.25\n/],
    },
  },
  {
    name: 'one option, edited everywhere: by the numbers',
    ...{ prepare: everywhere((values) => (values.lr = 0.0004)), code: differs, says: [numbers, nothing] },
  },
];
