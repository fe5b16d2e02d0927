import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { describeState } from '../../../src/graph/step/describe.js';
import { loadCheckpoint, matchCheckpoint, saveCheckpoint } from '../../../src/runner/checkpoints/checkpoint.js';
import { checkpointDigest } from '../../../src/runner/checkpoints/metadata.js';
import { UserError } from '../../../src/runner/base/errors.js';
import {
  decodeSafetensors,
  encodeSafetensors,
  float32Bytes,
  float32View,
} from '../../../src/runner/formats/safetensors.js';
import type { SafetensorsTensor } from '../../../src/runner/formats/safetensors.js';
import { smallCheckpoint, smallLayout, smallMetadata } from './small-checkpoint.js';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dws-checkpoint-'));
  path = join(folder, 'checkpoint.safetensors');
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('saveCheckpoint and loadCheckpoint', () => {
  it.each(['sgd', 'adam'] as const)('give back the state and the metadata of %s', async (optimizer) => {
    const content = smallCheckpoint({ options: { optimizer } });
    await saveCheckpoint(path, content);
    const loaded = await loadCheckpoint(path);
    expect(loaded.path).toBe(path);
    expect(loaded.metadata).toEqual(content.metadata);
    expect(loaded.state).toEqual(content.state);
    expect(loaded.params).toEqual(smallLayout.params.map(({ name, shape }) => ({ name, shape })));
    expect(loaded.buffers).toEqual(smallLayout.buffers.map(({ name, shape }) => ({ name, shape })));
  });

  it('names the tensors and lays each state vector out as one range', async () => {
    const { state, ...content } = smallCheckpoint({ options: { optimizer: 'adam' } });
    await saveCheckpoint(path, { ...content, state });
    const { tensors, data } = decodeSafetensors(new Uint8Array(await readFile(path)), path);
    expect(tensors.map(({ name }) => name)).toEqual([
      'conv.weight',
      'dense.bias',
      'bn.running_mean',
      'beta',
      'beta_momentum',
      'optimizer.exp_avg.conv.weight',
      'optimizer.exp_avg.dense.bias',
      'optimizer.exp_avg_sq.conv.weight',
      'optimizer.exp_avg_sq.dense.bias',
      'optimizer.bias_correction',
    ]);
    expect(tensors.at(-1)!.shape).toEqual([2]);
    const order = ['params', 'buffers', 'beta', 'beta_momentum', 'exp_avg', 'exp_avg_sq', 'bias_correction'];
    expect([...float32View(data)]).toEqual(order.flatMap((name) => [...state[name]!]));
  });

  it('names the momentum of sgd by parameter', async () => {
    await saveCheckpoint(path, smallCheckpoint({ options: { optimizer: 'sgd' } }));
    const { tensors } = decodeSafetensors(new Uint8Array(await readFile(path)), path);
    expect(tensors.at(-1)).toMatchObject({ name: 'optimizer.momentum.dense.bias', shape: [2] });
  });

  it('writes equal bytes for equal content, whatever the order of the options', async () => {
    await saveCheckpoint(path, smallCheckpoint());
    const first = await readFile(path);
    const { metadata, ...content } = smallCheckpoint();
    const options = Object.fromEntries(Object.entries(metadata.options).reverse()) as typeof metadata.options;
    await saveCheckpoint(path, { ...content, metadata: { ...metadata, options } });
    expect((await readFile(path)).equals(first)).toBe(true);
    expect(first.toString('latin1')).not.toContain(folder);
  });

  it('refuses a state that is not the layout', async () => {
    const { state, ...content } = smallCheckpoint();
    const save = saveCheckpoint(path, { ...content, state: { ...state, buffers: new Float32Array(2) } });
    await expect(save).rejects.toThrow("the state's buffers has 2 values instead of 3");
  });
});

describe('loadCheckpoint', () => {
  const load = async (bytes: Uint8Array): Promise<unknown> => {
    await writeFile(path, bytes);
    return loadCheckpoint(path);
  };
  const rejection = async (bytes: Uint8Array): Promise<string> => {
    const error: unknown = await load(bytes).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(UserError);
    expect((error as UserError).message).toContain(path);
    return (error as UserError).message;
  };
  const saved = async (): Promise<Buffer> => {
    await saveCheckpoint(path, smallCheckpoint());
    return readFile(path);
  };

  it('names a missing file', async () => {
    await expect(loadCheckpoint(path)).rejects.toThrow(`can't read ${path}: no such file`);
  });

  it.each([0, 4, 100, -1])('refuses a file cut to %i bytes', async (length) => {
    expect(await rejection((await saved()).subarray(0, length))).toContain('is damaged');
  });

  it('refuses a flipped bit in a tensor', async () => {
    const bytes = await saved();
    bytes[bytes.length - 3]! ^= 1;
    expect(await rejection(bytes)).toContain('its SHA-256 is not the recorded one');
  });

  it('refuses a changed digit in the metadata', async () => {
    const bytes = await saved();
    const at = bytes.indexOf('"step":"30"');
    bytes[at + 8] = '4'.charCodeAt(0);
    expect(await rejection(bytes)).toContain('its SHA-256 is not the recorded one');
  });

  it("says what another program's safetensors file is", async () => {
    const data = float32Bytes(Float32Array.of(1));
    const weight: SafetensorsTensor = { name: 'conv1.weight', dtype: 'F32', shape: [1], data };
    expect(await rejection(Buffer.concat(encodeSafetensors([weight], { format: 'pt' })))).toContain(
      "another program's safetensors file (format 'pt') with 1 tensors, the first named conv1.weight",
    );
    expect(await rejection(Buffer.concat(encodeSafetensors([])))).toContain('file with 0 tensors.');
  });

  it.each([
    ['PK\x03\x04rest of it', 'a zip archive'],
    ['\x80\x02}q', 'a Python pickle'],
    ['\x93NUMPY\x01\x00', 'a NumPy array'],
    ['\x08\x08\x12\x03dws:', 'an ONNX model'],
  ])('says what %j is', async (start, what) => {
    expect(await rejection(Buffer.from(start, 'latin1'))).toContain(`not a checkpoint of dws but ${what}`);
  });

  it('refuses a newer version', async () => {
    const newer = encodeSafetensors([], { format: 'dws-checkpoint', version: '2' });
    expect(await rejection(Buffer.concat(newer))).toContain('of version 2, this dws reads version 1');
  });
});

describe('a checkpoint with the right SHA-256 that no training wrote', () => {
  /** Changes entries of the metadata, and signs the file again. */
  const signed = async (changes: Record<string, string | undefined>): Promise<Uint8Array> => {
    await saveCheckpoint(path, smallCheckpoint());
    const { metadata, tensors, data } = decodeSafetensors(new Uint8Array(await readFile(path)), path);
    const changed: Record<string, string | undefined> = { ...metadata, ...changes, sha256: undefined };
    const text = JSON.parse(JSON.stringify(changed)) as Record<string, string>;
    const sha256 = await checkpointDigest(text, tensors, [data]);
    return Buffer.concat(encodeSafetensors(tensors, { ...text, sha256 }));
  };
  const { options, runOptions } = smallMetadata();
  const hyperparameters = (training: object, run: object = runOptions) => ({
    hyperparameters: JSON.stringify({ run, training }),
  });

  it('is read when its metadata are as they were', async () => {
    await writeFile(path, await signed({}));
    expect((await loadCheckpoint(path)).metadata).toEqual(smallMetadata());
  });

  it.each<[string, Record<string, string | undefined>, RegExp]>([
    ['an entry is missing', { vectors: undefined }, /its entry vectors is missing/],
    ['an entry is no JSON', { best: '{' }, /its entry best is \{/],
    ['a number is negative', { step: '-1' }, /its entry step is -1/],
    ['a number is not whole', { epoch: '0.5' }, /its entry epoch is 0.5/],
    ['the seed is missing', { random: '{}' }, /its seed or its options are missing/],
    ['a vector is named as a part of every object', { vectors: '[["__proto__",10]]' }, /its entry vectors/],
    [
      'vectors leave tensors over',
      { vectors: '[["params",2],["buffers",1]]' },
      /its tensors are not those of a training/,
    ],
    ['a network is unknown', hyperparameters({ ...options, model: 'x\ny' }), /--model x\?y: give one of/],
    [
      'an option is of another type',
      hyperparameters({ ...options, learnBeta: 'yes' }),
      /--learn-beta yes: give true or false/,
    ],
    [
      'images are resized to less than the network sees',
      hyperparameters(options, { resizeTo: 8, filter: 'triangle' }),
      /--resize-to 8 is below --image-size 64/,
    ],
    [
      'a mean is no color',
      hyperparameters({ ...options, mean: [1e9, 0, 0] }),
      /--mean 1000000000,0,0: give three numbers/,
    ],
    [
      'its preprocessing is another than that of its options',
      { preprocessing: '{"imageSize":9}' },
      /its entry preprocessing is not that/,
    ],
    [
      'its preprocessing is missing',
      hyperparameters(options, { ...runOptions, filter: 'triangle' }),
      /its entry preprocessing is not that/,
    ],
    ['options are nested deeply', hyperparameters(options, { lr: [[[[[1]]]]] }), /its seed or its options are missing/],
    ['an option is nested', hyperparameters(options, { lr: [[[1]]] }), /--lr 1: give a number of 0 or more/],
    ['threads are more than any machine has', hyperparameters(options, { threads: 100_000 }), /--threads 100000: give/],
    ['images are huge', hyperparameters({ ...options, imageSize: 2147483647 }), /--image-size 2147483647: give/],
    ['a layer is huge', hyperparameters({ ...options, embedDim: 2 ** 40 }), /--embed-dim 1099511627776: give/],
    ['a rate is beyond float32', hyperparameters(options, { lr: 1e300 }), /--lr 1e\+300: give/],
    ['epochs are beyond random numbers', { epoch: '4294967296' }, /its entry epoch is 4294967296/],
    ['steps are beyond counting', { step: '9007199254740991' }, /its entry step is 9007199254740991/],
    ['an epoch has more steps than all', { epoch_step: '31' }, /it has done 31 steps of its epoch, and 30 in all/],
    ['the best is still to come', { best: '{"step":31,"recall":0.5}' }, /its best is that after step 31/],
    [
      'more steps were left out than done',
      { left_out: '{"notFinite":9,"overflow":22}' },
      /it has left out 31 steps, and done 30/,
    ],
    ['what was left out is no count', { left_out: '{"notFinite":-1,"overflow":2}' }, /its entry left_out is/],
    ['Recall@1 is above 1', { best: '{"step":3,"recall":1.5}' }, /its entry best is/],
    [
      'it has gone back more often than steps are told apart',
      {
        random: '{"generator":"philox4x32-10","seed":1,"rollbacks":2000000000}',
        ...hyperparameters(options, { batchNum: 9 }),
      },
      /it has gone back 2000000000 times/,
    ],
    ['a recorded option is out of range', hyperparameters(options, { resize: 'crop' }), /--resize crop: give one of/],
  ])('is refused when %s', async (_, changes, message) => {
    await writeFile(path, await signed(changes));
    const error: unknown = await loadCheckpoint(path).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(UserError);
    expect((error as UserError).message).toContain(path);
    expect((error as UserError).message).toMatch(message);
    expect((error as UserError).message).not.toContain('\n');
  });

  it('says what was done to images, for whoever reads the file', async () => {
    const content = smallCheckpoint();
    const run = { ...runOptions, resize: 'cover', resizeTo: 72, filter: 'triangle' };
    const metadata = { ...content.metadata, options: { ...options, mean: [0, 0.5, 1] }, runOptions: run };
    await saveCheckpoint(path, { ...content, metadata });
    const text = decodeSafetensors(new Uint8Array(await readFile(path)), path).metadata['preprocessing']!;
    expect(JSON.parse(text)).toEqual({
      ...{ imageSize: 64, resizeTo: 72, resize: 'cover', filter: 'triangle', orientation: 'exif' },
      ...{ background: '#ffffff', mean: [0, 0.5, 1], std: [0.229, 0.224, 0.225] },
    });
    expect((await loadCheckpoint(path)).metadata).toEqual(metadata);
  });

  it('passes over options of a name that there is not, which would be shown', async () => {
    const name = '<img src=x onerror=alert(1)>';
    await writeFile(path, await signed(hyperparameters({ ...options, [name]: 1 }, { ...runOptions, [name]: 1 })));
    const { metadata } = await loadCheckpoint(path);
    expect([metadata.options, metadata.runOptions]).toEqual([options, runOptions]);
  });

  it.each([NaN, Infinity])('is refused when a weight is %d', async (value) => {
    const content = smallCheckpoint();
    content.state['params']![3] = value;
    await saveCheckpoint(path, content);
    await expect(loadCheckpoint(path)).rejects.toThrow(/holds numbers that are not finite \(in params\)/);
  });

  it('does not fit a run with vectors of another length', async () => {
    const vectors =
      '[["params",2],["buffers",1],["beta",2],["beta_momentum",1],["exp_avg",2],["exp_avg_sq",1],["bias_correction",1]]';
    await writeFile(path, await signed({ vectors }));
    const checkpoint = await loadCheckpoint(path);
    const state = describeState(options, smallLayout);
    expect(() => matchCheckpoint(checkpoint, { options, layout: smallLayout, state })).toThrow(
      /its beta has 4 values where this run has 2; its beta_momentum/,
    );
  });
});

describe('matchCheckpoint', () => {
  const match = async (...[expected]: [Partial<Parameters<typeof matchCheckpoint>[1]>]): Promise<void> => {
    await saveCheckpoint(path, smallCheckpoint());
    matchCheckpoint(await loadCheckpoint(path), { options: {}, layout: smallLayout, ...expected });
  };
  const { options } = smallMetadata();

  it('takes the same options and layout, and options that do not shape the state', async () => {
    await match({ options });
    await match({ options: { ...options, margin: 0.9, batchSize: 40, imageSize: 96 } });
  });

  it('takes a run that only evaluates', async () => {
    await match({ options: { model: options.model, embedDim: options.embedDim, featDim: options.featDim } });
  });

  it.each([
    ['model', 'resnet50', '--model resnet18, this run has --model resnet50'],
    ['embedDim', 64, '--embed-dim 2, this run has --embed-dim 64'],
    ['featDim', 3, '--feat-dim 4, this run has --feat-dim 3'],
    ['classes', 7, '--classes 2, this run has --classes 7'],
    ['optimizer', 'sgd', '--optimizer adam, this run has --optimizer sgd'],
  ] as const)('names both values of %s', async (key, value, message) => {
    await expect(match({ options: { ...options, [key]: value } })).rejects.toThrow(message);
  });

  it('on other classes says how to begin with its weights, which another network could not', async () => {
    const begin = `A new training on other classes can begin with its weights: --pretrained ${path} in place of --resume`;
    await expect(match({ options: { ...options, classes: 7 } })).rejects.toThrow(begin);
    await expect(match({ options: { ...options, classes: 7, optimizer: 'sgd' } })).rejects.toThrow(begin);
    const other = match({ options: { ...options, classes: 7, model: 'resnet50' } });
    await expect(other).rejects.toThrow('Give the options that the checkpoint was made with, or another checkpoint.');
  });

  it('names all options that differ', async () => {
    await expect(match({ options: { embedDim: 64, featDim: 3 } })).rejects.toThrow(/--embed-dim.*--feat-dim/);
  });

  it('names the first tensor that differs, in shape, in name, or by being missing', async () => {
    const [first, second] = smallLayout.params as [(typeof smallLayout.params)[0], (typeof smallLayout.params)[0]];
    const withParams = (params: typeof smallLayout.params): Promise<void> =>
      match({ layout: { ...smallLayout, params } });
    await expect(withParams([{ ...first, shape: [9] }, second])).rejects.toThrow(
      'it has conv.weight [2,3] where this run has conv.weight [9]',
    );
    await expect(withParams([first, { ...second, name: 'fc.bias' }])).rejects.toThrow(
      'it has dense.bias [2] where this run has fc.bias [2]',
    );
    await expect(withParams([first])).rejects.toThrow('has dense.bias [2] where this run has no further parameter');
    await expect(match({ layout: { ...smallLayout, buffers: [] } })).rejects.toThrow('no further running statistic');
  });
});
