/** Files of weights that other programs wrote. */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { encodeModel } from '../../../src/graph/onnx/schema.js';
import { UserError } from '../../../src/runner/base/errors.js';
import type { SafetensorsTensor } from '../../../src/runner/formats/safetensors.js';
import { encodeSafetensors } from '../../../src/runner/formats/safetensors.js';
import { openWeights } from '../../../src/runner/weights/open-weights.js';
import { readPickle } from '../../../src/runner/weights/pickle.js';
import { RandomFile } from '../../../src/runner/onnx-files/random-file.js';
import { countOf } from '../../../src/runner/base/sizes.js';
import { torchWorld } from '../../../src/runner/weights/torch-objects.js';
import { openZip } from '../../../src/runner/weights/zip.js';
import type { ArchiveEntry } from '../../../test/runner/weights/archives.js';
import { counting, legacyStart, torchLegacy, zipArchive } from '../../../test/runner/weights/archives.js';
import {
  attack,
  bytesOf,
  call,
  dict,
  global,
  int,
  list,
  little,
  pickle,
  storage,
  tensor,
  text,
  tuple,
} from '../../../test/runner/weights/pickles.js';
import { mutateJson } from '../json.js';
import { mutateMessage } from '../message.js';
import type { Seed, Target } from '../target.js';
import { bytesSeed } from '../target.js';

const fixtures = fileURLToPath(new URL('../../../test/runner/weights/fixtures/', import.meta.url));
const fixture = async (name: string): Promise<Seed> =>
  bytesSeed(new Uint8Array(await readFile(`${fixtures}${name}.pth`)));

/** Opens a file and reads every tensor whole. @throws Error for one of another length than its shape says */
async function readWeights(bytes: Uint8Array, folder: string): Promise<void> {
  const file = path.join(folder, 'weights');
  await writeFile(file, bytes);
  const weights = await openWeights(file);
  try {
    for (const { name, shape, read } of weights.tensors) {
      const { length } = await read();
      if (length !== countOf(shape)) throw new Error(`tensor ${name} [${shape}] has ${length} values`);
    }
  } finally {
    await weights.close();
  }
}

const floats: SafetensorsTensor[] = [
  { name: 'conv1.weight', dtype: 'F32', shape: [4, 6], data: counting(24) },
  { name: 'bn.bias', dtype: 'F16', shape: [2], data: new Uint8Array(4) },
  { name: 'n', dtype: 'I64', shape: [], data: new Uint8Array(8) },
  { name: 'none', dtype: 'BF16', shape: [0, 3], data: new Uint8Array(0) },
  { name: 'wide', dtype: 'F64', shape: [1, 1, 2], data: new Uint8Array(16) },
];

/** A header of any text, its length right. */
const safetensorsSeed = (): Seed => {
  const [head, ...data] = encodeSafetensors(floats, { format: 'pt' });
  return {
    parts: [{ bytes: head!.subarray(8), change: mutateJson }, { bytes: bytesOf(...data) }],
    build: ([json, rest]) => bytesOf(little(json!.length, 8), json!, rest!),
  };
};

const object = dict({
  'conv1.weight': tensor({ key: '0', elements: 24 }, [6, 4], [1, 6]),
  'bn1.bias': tensor({ key: '1', type: 'HalfStorage', elements: 4 }, [2], [2], 1),
  'bn1.num_batches_tracked': tensor({ key: '2', type: 'LongStorage', elements: 1 }, [], []),
});
const wrapped = bytesOf('}(', text('epoch'), int(3), text('state_dict'), object, 'u');
/** Dicts in dicts, lists and objects of unknown classes, a whole module, and a dict that is everywhere. */
const module = (parameters: Uint8Array, modules: Uint8Array): Uint8Array =>
  bytesOf(
    bytesOf(global('mine', 'Net'), ')\x81'),
    bytesOf(dict({ _parameters: parameters, _buffers: dict({}), _modules: modules, note: list(int(1)) }), 'b'),
  );
const nested = bytesOf(
  '}(',
  ...[
    text('args'),
    global('argparse', 'Namespace'),
    ')\x81',
    dict({ lr: int(1), device: call(global('torch', 'device'), text('cpu')) }),
    'b',
  ],
  ...[text('runs'), list(int(3), tuple(dict({ student: object }), 'N'))],
  ...[
    text('teacher'),
    bytesOf(global('mine', 'Dict'), ')\x81(', text('net'), object, 'u'),
    dict({ frozen: '\x88' }),
    'b',
  ],
  ...[text('folds'), bytesOf('}q\x00(', int(0), 'h\x00', int(1), object, 'u')],
  ...[
    text('whole'),
    module(dict({ bias: tensor({ key: '0', elements: 24 }, [24], [1]) }), dict({ a: module(object, dict({})) })),
  ],
  ...[text('made'), global('mine', 'Kw'), ')', dict({ a: object }), '\x92'],
  'u',
);
const storages = { '0': counting(24), '1': new Uint8Array(8), '2': new Uint8Array(8) };

/** Pickles of what PyTorch's hold and do not hold. */
const pickles = [
  pickle(object),
  pickle(wrapped),
  pickle(nested),
  pickle(tuple(storage({ key: '0', elements: 24 }), list(int(1), text('x')), '\x85\x86')),
  pickle(call(global('collections', 'OrderedDict'), list(list(text('a'), int(1)))), 'q\x00', 'h\x00', '\x86'),
  bytesOf('\x80\x04\x95', little(20, 8), ']\x94(K\x01K\x02\x8c\x01a\x94\x90(h\x01e.'),
];

/** Every operation of the protocols 0 to 5, and some names. */
const tokens = [
  ...Array.from('(.0123FNIMKJLGTUVXS]}ltaesudcoibRQPpqrghj)', (letter) => bytesOf(letter)),
  ...Array.from({ length: 0x99 - 0x80 }, (_, i) => Uint8Array.of(0x80 + i)),
  ...[
    attack,
    object,
    nested,
    global('mine', 'Class'),
    text('_modules'),
    text('_parameters'),
    storage({ key: '0', elements: 24 }),
    text('state_dict'),
    global('torch', 'FloatStorage'),
    long(),
  ],
  ...[global('torch._utils', '_rebuild_tensor_v2'), global('builtins', 'set'), bytesOf('\x8d', little(-1, 8))],
];
function long(): Uint8Array {
  return bytesOf('\x8a\xff', '\x7f'.repeat(255));
}

const zipSeed = (entries: readonly ArchiveEntry[]): Seed => ({
  parts: entries.map(({ data }) => ({ bytes: data })),
  build: (parts) => zipArchive(entries.map((entry, i) => ({ ...entry, data: parts[i]! }))),
});
const torchSeed = (pickled: Uint8Array, deflate: boolean): Seed =>
  zipSeed([
    { name: 'a/data.pkl', data: pickled, deflate },
    { name: 'a/byteorder', data: bytesOf('little') },
    ...Object.entries(storages).map(([key, data]) => ({ name: `a/data/${key}`, data, deflate })),
  ]);

const legacySeed = (pickled: Uint8Array): Seed => ({
  parts: [{ bytes: pickled }, { bytes: pickle(list(...Object.keys(storages).map(text))) }, { bytes: storages['0'] }],
  build: ([first, keys, data]) =>
    bytesOf(
      legacyStart(),
      first!,
      keys!,
      little(24, 8),
      data!,
      little(4, 8),
      storages['1'],
      little(1, 8),
      storages['2'],
    ),
});

/** Walks an archive's entries, and unpacks each. */
async function readZip(bytes: Uint8Array, folder: string): Promise<void> {
  const name = path.join(folder, 'archive');
  await writeFile(name, bytes);
  const file = await RandomFile.open(name);
  try {
    const zip = await openZip(file, (what) => new UserError(`${name} is damaged: ${what}`));
    for (const each of zip.names) {
      const entry = (await zip.entry(each))!;
      const stream = await entry.open(0);
      await stream.fill(new Uint8Array(entry.bytes)).finally(() => stream.close());
    }
  } finally {
    await file.close();
  }
}

const zipTokens = [
  'PK\x01\x02',
  'PK\x03\x04',
  'PK\x05\x06',
  'PK\x06\x06',
  'PK\x06\x07',
  'PK\x07\x08',
  '\x01\x00\x10\x00',
  'up',
  '\xff\xff\xff\xff',
];

const onnxModel = encodeModel({
  irVersion: 8,
  graph: {
    name: 'g',
    node: [{ input: ['a'], output: ['b'], name: 'n', opType: 'Relu', attribute: [] }],
    initializer: [
      { name: 'w', dims: [4, 6], dataType: 1, rawData: counting(24) },
      { name: 'f', dims: [24], dataType: 1, floatData: [...Array(24).keys()] },
      { name: 'd', dims: [2], dataType: 11, doubleData: [1, 2] },
      { name: 'h', dims: [3], dataType: 10, int32Data: [0x3c00, 1, 2] },
      { name: 'i', dims: [1], dataType: 7, int64Data: [3] },
      {
        ...{ name: 'e', dims: [2], dataType: 1, dataLocation: 1 },
        externalData: Object.entries({ location: 'data.bin', offset: '4', length: '8' }).map(([key, value]) => ({
          key,
          value,
        })),
      },
    ],
    input: [],
    output: [],
  },
  opsetImport: [{ version: 17 }],
});

export const weights: Target[] = [
  { name: 'safetensors', seeds: async () => [safetensorsSeed()], read: readWeights },
  {
    name: 'torch-zip',
    seeds: async () => [
      ...(await Promise.all(['state-zip', 'wrapped-zip', 'wrapped-zip-protocol4'].map(fixture))),
      ...[torchSeed(pickle(object), false), torchSeed(pickle(wrapped), true), torchSeed(pickle(nested), false)],
    ],
    tokens: [...tokens, ...zipTokens.map((each) => bytesOf(each))],
    read: readWeights,
  },
  {
    name: 'torch-legacy',
    seeds: async () => [
      ...(await Promise.all(['state-legacy', 'wrapped-legacy'].map(fixture))),
      ...[legacySeed(pickle(object)), legacySeed(pickle(wrapped)), legacySeed(pickle(nested))],
      bytesSeed(
        torchLegacy(pickle(dict({ w: tensor({ key: '0', elements: 24 }, [24], [1]) })), {
          '0': { elements: 24, data: counting(24) },
        }),
      ),
    ],
    tokens,
    read: readWeights,
  },
  {
    name: 'pickle',
    seeds: async () => pickles.map((each) => bytesSeed(each)),
    tokens,
    read: async (bytes) => {
      const fail = (what: string) => new UserError(`the pickle is damaged: ${what}`);
      readPickle(bytes, 0, torchWorld('the pickle', fail));
    },
  },
  {
    name: 'zip',
    seeds: async () => [
      zipSeed([
        { name: 'a', data: counting(4) },
        { name: 'b/c', data: new Uint8Array(3000), deflate: true },
      ]),
      zipSeed([]),
    ],
    tokens: zipTokens.map((each) => bytesOf(each)),
    read: readZip,
  },
  {
    name: 'onnx',
    seeds: async (folder) => {
      await writeFile(path.join(folder, 'data.bin'), new Uint8Array(16));
      return [bytesSeed(onnxModel, mutateMessage)];
    },
    tokens: ['../data.bin', '/etc/passwd', 'data.bin', 'location', '\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01'].map(
      (each) => bytesOf(each),
    ),
    read: readWeights,
  },
];
