import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { openWeights } from '../../../src/runner/weights/open-weights.js';
import { counting, torchLegacy, torchZip } from './archives.js';
import type { Storage } from './pickles.js';
import {
  attack,
  bytesOf,
  call,
  dict,
  global,
  int,
  list,
  little,
  long,
  pickle,
  storage,
  tensor,
  text,
  tuple,
} from './pickles.js';
import { readAll, refusalOf, temporaryFolder } from './temporary-folder.js';

const { write } = temporaryFolder();
const fixture = (name: string): string => fileURLToPath(new URL(`fixtures/${name}.pth`, import.meta.url));

/** Makes files of both formats out of one object and its float32 storages. */
const FORMATS: Record<string, (object: Uint8Array, storages?: Record<string, Uint8Array>) => Uint8Array> = {
  zip: (object, storages) => torchZip(object, storages),
  legacy: (object, storages = {}) =>
    torchLegacy(
      object,
      Object.fromEntries(
        Object.entries(storages).map(([key, data]) => [key, { elements: data.length / 4, data }] as const),
      ),
    ),
};
const formats = Object.entries(FORMATS);

/** The message of the refusal of a file. */
const refusal = async (name: string, content: Uint8Array): Promise<string> => refusalOf(await write(name, content));

describe('files that PyTorch wrote', () => {
  const halves = [1.5, -0, 2 ** -24, 65504, Infinity, -Infinity, NaN];
  const expected = {
    'conv.weight': [
      [2, 3, 1, 1],
      [0, 0.125, 0.25, 0.375, 0.5, 0.625],
    ],
    'shared.all': [
      [3, 4],
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
    ],
    'shared.tail': [
      [2, 4],
      [4, 5, 6, 7, 8, 9, 10, 11],
    ],
    'shared.transposed': [
      [4, 3],
      [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11],
    ],
    'shared.column': [[3], [1, 5, 9]],
    half: [[8], [...halves, 0.333251953125]],
    bfloat16: [[8], [...halves.with(3, 65536), 0.333984375]],
    double: [[2], [Math.fround(1 / 3), -2]],
    scalar: [[], [7]],
    empty: [[0, 3], []],
  };

  it.each([
    ['state-zip', 'PyTorch zip'],
    ['state-legacy', 'PyTorch legacy'],
    ['wrapped-zip', 'PyTorch zip'],
    ['wrapped-zip-protocol4', 'PyTorch zip'],
    ['wrapped-legacy', 'PyTorch legacy'],
  ])('reads %s: views, halves, doubles, with the place of the state dict; no integers', async (name, format) => {
    const file = await openWeights(fixture(name));
    expect(file.format).toBe(format);
    await file.close();
    const container = name.startsWith('wrapped') ? 'state_dict' : '';
    const { best_acc1: best, ...found } = await readAll(fixture(name));
    expect(best).toEqual(container === '' ? undefined : [[], [0.5]]);
    const prefix = container === '' ? '' : `${container}.`;
    expect(Object.keys(found)).toEqual(Object.keys(expected).map((key) => prefix + key));
    expect(Object.values(found)).toEqual(Object.values(expected));
    const inDict = file.tensors.filter((tensor) => tensor.name !== 'best_acc1');
    expect(new Set(inDict.map((tensor) => tensor.container))).toEqual(new Set([container]));
  });

  it('reads a tensor anew each time, into memory of its own', async () => {
    const file = await openWeights(fixture('state-zip'));
    const all = file.tensors.find(({ name }) => name === 'shared.all')!;
    const [first, second] = await Promise.all([all.read(), all.read()]);
    first.fill(0);
    expect(second[11]).toBe(11);
    expect(first.buffer.byteLength).toBe(48);
    await file.close();
  });
});

describe.each(formats)('a hand-made %s file', (format, make) => {
  const one: Storage = { key: '0', elements: 6 };
  const state = (...args: Parameters<typeof tensor>): Uint8Array => pickle(dict({ w: tensor(...args) }));
  const refuse = (object: Uint8Array, bytes = counting(6)): Promise<string> =>
    refusal(`${format}.pth`, make(object, { 0: bytes }));

  it('reads parameters as versions before 0.4 pickled them', async () => {
    const data = tensor(one, [6], [1]);
    const parameter = global('torch.nn.parameter', 'Parameter');
    const object = pickle(
      dict({
        called: bytesOf(call(parameter, data), tuple('\x89', '\x89', 'N'), 'b'),
        built: bytesOf(parameter, ')\x81', tuple(data, 'N', 'N', '\x88', '\x89'), 'b'),
      }),
    );
    const values = [[6], [0, 1, 2, 3, 4, 5]];
    expect(await readAll(await write('old.pth', make(object, { 0: counting(6) })))).toEqual({
      called: values,
      built: values,
    });
  });

  it('reads what Python 2 wrote: byte strings, an OrderedDict of pairs, torch.Size, values counted from 1', async () => {
    const size = call(global('torch', 'Size'), tuple(int(2), int(3)));
    const rebuilt = call(
      global('torch._utils', '_rebuild_tensor'),
      ...[storage(one), long(0), size, tuple(int(3), int(1))],
    );
    const name = bytesOf('U\x01w', 'q\x01');
    const object = pickle(call(global('collections', 'OrderedDict'), list(list(name, rebuilt), list('h\x01', 'N'))));
    const only = pickle(call(global('collections', 'OrderedDict'), list(list(name, rebuilt))));
    expect(await readAll(await write('python2.pth', make(only, { 0: counting(6) })))).toEqual({
      w: [
        [2, 3],
        [0, 1, 2, 3, 4, 5],
      ],
    });
    expect(await refuse(object)).toContain('holds no state dict');
  });

  it('finds state dicts wherever they are: in dicts, lists, tuples, under numbers, in objects', async () => {
    const inner = dict({ w: tensor(one, [6], [1]) });
    const parts = {
      model: dict({ ema: dict({ module: inner }) }),
      runs: list(int(3), tuple(dict({ 'conv.weight': tensor(one, [6], [1]) }))),
      folds: bytesOf('}(', int(7), dict({ w: tensor(one, [6], [1]) }), 'u'),
      own: bytesOf(global('my.program', 'State'), ')\x81', dict({ kept: dict({ w: tensor(one, [6], [1]) }) }), 'b'),
      epoch: int(3),
    };
    const file = await write('wrapped.pth', make(pickle(dict(parts)), { 0: counting(6) }));
    expect(Object.keys(await readAll(file)).sort()).toEqual([
      'folds.7.w',
      'model.ema.module.w',
      'own.kept.w',
      'runs.1.0.conv.weight',
    ]);
  });

  it('runs nothing that a pickle names', async () => {
    const message = await refuse(attack);
    expect(message).toContain('would run os.system where PyTorch opens it');
    expect(existsSync('dws-was-hacked')).toBe(false);
  });

  it.each<[string, Uint8Array, string]>([
    ['a name off the stack', bytesOf(text('os'), text('system'), '\x93'), 'would run os.system'],
    ['a name with control characters', global('os.a\x1b[2J', 'b'), 'would run os.a?[2J.b'],
    ['a call of a storage type', call(global('torch', 'FloatStorage')), "it can't call torch.FloatStorage"],
    ['a call of data', call(text('os.system')), 'something that is no function'],
    ['an unknown operation', bytesOf('\xff'), 'the unknown operation 0xff'],
    ['an extension code', bytesOf('\x82\x01'), 'the unknown operation 0x82'],
    ['an empty stack', bytesOf('0'), 'a value is missing'],
    ['a tuple without a mark', bytesOf('t'), 'a mark is missing'],
    ['a pop below the mark', bytesOf('N(\x85'), 'a value is missing'],
    ['a value never made', bytesOf('h\x05'), 'refers to value 5'],
    ['a value numbered far ahead', bytesOf('Nr', little(2 ** 31, 4)), 'out of order'],
    ['text longer than the file', bytesOf('X', little(2 ** 31 - 1, 4)), 'does not end within'],
    ['text longer than anything', bytesOf('\x8d', little(-1n, 8)), 'does not end within'],
    ['text that is not UTF-8', bytesOf('U\x01\xff'), 'not UTF-8'],
    ['items for something else', bytesOf('N(Ne'), 'no list'],
    ['entries for something else', bytesOf('N(NNu'), 'no dict'],
    ['an odd number of entries', bytesOf('}(Nu'), 'no dict'],
    ['state for something else', bytesOf('NNb'), 'state of something'],
    ['no storage', bytesOf(tuple(text('module'), 'N', 'N', 'N'), 'Q'), 'no storage'],
    ['a number for a storage', bytesOf('K\x01Q'), 'no storage'],
    ['a storage of a negative size', storage({ key: '0', elements: -1 }), 'no storage'],
    [
      'a storage key that is a path',
      storage({ key: '../../etc/passwd', elements: 1 }),
      'key ../../etc/passwd is a path',
    ],
    ['a storage key with backslashes', storage({ key: 'a\\b', elements: 1 }), 'key a\\b is a path'],
  ])('refuses %s', async (_, part, reason) => {
    expect(await refuse(pickle(part))).toContain(reason);
  });

  it.each<[string, Uint8Array, string]>([
    ['sizes beyond the storage', state(one, [7], [1]), 'tensor w reaches element 7 of a storage of 6'],
    ['strides beyond it', state(one, [2, 3], [4, 1]), 'tensor w reaches element 7 of a storage of 6'],
    ['an offset beyond it', state(one, [1], [1], 6), 'tensor w reaches element 7 of a storage of 6'],
    ['a huge offset', state(one, [1], [1], 2 ** 53 - 1), 'tensor w reaches element'],
    ['a negative size', state(one, [-1], [1]), 'tensor w has sizes, strides or an offset that make no sense'],
    ['a negative stride', state(one, [6], [-1], 5), 'make no sense'],
    ['a negative offset', state(one, [6], [1], -1), 'make no sense'],
    [
      'sizes whose product is beyond all numbers',
      state(one, Array(20).fill(2 ** 53 - 1), Array(20).fill(0)),
      'tensor w',
    ],
    [
      'strides of 0 that repeat a value endlessly',
      state(one, [2 ** 40], [0]),
      '1099511627776 elements, its storage only 6',
    ],
    ['more sizes than strides', state(one, [1, 1], [1]), 'make no sense'],
    ['more dimensions than PyTorch has', state(one, Array(65).fill(1), Array(65).fill(1)), 'make no sense'],
    ['a huge storage', state({ key: '0', elements: 2 ** 50 }, [2 ** 50], [1]), 'its storage 0 should'],
    ['a storage that is missing', state({ key: '9', elements: 6 }, [6], [1]), 'storage'],
    [
      'a tensor without storage',
      pickle(dict({ a: tensor(one, [6], [1]), w: call(global('torch._utils', '_rebuild_tensor'), 'N') })),
      'no storage',
    ],
    ['no tensors by name', pickle(dict({ best: list(tensor(one, [6], [1])) })), 'holds no state dict'],
    ['a list of tensors', pickle(list(tensor(one, [6], [1]))), 'holds no state dict'],
    ['only integers', state({ key: '0', elements: 6, type: 'IntStorage' }, [3], [1]), 'no float tensors'],
  ])('refuses %s, naming the tensor', async (_, object, reason) => {
    expect(await refuse(object, counting(6))).toContain(reason);
  });

  it('takes a size of 1 with any stride, and an empty tensor at the end of its storage', async () => {
    const object = pickle(dict({ a: tensor(one, [1, 6], [999, 1]), b: tensor(one, [0], [1], 6) }));
    const tensors = await readAll(await write('odd.pth', make(object, { 0: counting(6) })));
    expect(tensors).toEqual({
      a: [
        [1, 6],
        [0, 1, 2, 3, 4, 5],
      ],
      b: [[0], []],
    });
  });

  it('is not stopped by values that contain themselves or are nested deeply', async () => {
    const cycle = bytesOf(']q\x00h\x00a');
    const deep = bytesOf(')', '\x85'.repeat(100_000));
    const object = pickle(dict({ cycle, deep, w: tensor(one, [6], [1]) }));
    expect(Object.keys(await readAll(await write('deep.pth', make(object, { 0: counting(6) }))))).toEqual(['w']);
  });

  it('ends a pickle that copies the same values again and again', async () => {
    const pairs = bytesOf('](', list(text('a'), 'N'), 'q\x00', 'h\x00'.repeat(20_000), 'eq\x01');
    const copies = bytesOf('c', 'collections\nOrderedDict\nq\x02', 'h\x02h\x01\x85R'.repeat(20_000));
    expect(await refuse(pickle(pairs, copies))).toContain('takes over 9000000 operations');
  });

  it('refuses a pickle of more operations than any checkpoint has', async () => {
    expect(await refuse(pickle('N'.repeat(9_000_001)))).toContain('takes over 9000000 operations');
  });

  it('reads protocol 1, and says of protocol 0 that PyTorch itself finds no tensors in it', async () => {
    const numbers = bytesOf('](I01\nI-7\nL123456789012345678901L\ne');
    const first = pickle(dict({ numbers, w: tensor(one, [6], [1]) }));
    expect(Object.keys(await readAll(await write('first.pth', make(first, { 0: counting(6) }))))).toEqual(['w']);
    expect(await refuse(bytesOf('(dp0\nVw\np1\n'))).toContain('is written in protocol 0 of pickle');
  });
});
