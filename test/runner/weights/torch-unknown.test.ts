/** Objects beside the weights: what programs save with them, and what attackers would like to run. */
import { describe, expect, it } from 'vitest';
import { openWeights } from '../../../src/runner/weights/open-weights.js';
import { counting, torchZip } from './archives.js';
import type { Storage } from './pickles.js';
import { bytesOf, call, dict, global, int, list, pickle, tensor, text, tuple } from './pickles.js';
import { readAll, refusalOf, temporaryFolder } from './temporary-folder.js';

const { write } = temporaryFolder();
const one: Storage = { key: '0', elements: 6 };
const weights = (): Uint8Array => dict({ w: tensor(one, [6], [1]) });
const writeBeside = (beside: Uint8Array): Promise<string> =>
  write('file.pth', torchZip(pickle(dict({ beside, state: weights() })), { 0: counting(6) }));
const w = [[6], [0, 1, 2, 3, 4, 5]];

/** With `build`, the state; with `\x81`, `cls.__new__(cls)`. */
const made = (module: string, name: string): Uint8Array => bytesOf(global(module, name), ')\x81');
const bytes = (length: number): Uint8Array => bytesOf('C', Uint8Array.of(length), 'x'.repeat(length));

describe('beside the weights may be', () => {
  it.each<[string, string, Uint8Array]>([
    ['argparse.Namespace', 'argparse.Namespace', bytesOf(made('argparse', 'Namespace'), dict({ lr: int(1) }), 'b')],
    [
      'a NumPy scalar',
      'numpy.core.multiarray.scalar',
      call(global('numpy.core.multiarray', 'scalar'), call(global('numpy', 'dtype'), text('f8')), bytes(8)),
    ],
    ['torch.device', 'torch.device', call(global('torch', 'device'), text('cuda'), int(0))],
    ['a dtype', 'torch.float16', global('torch', 'float16')],
    [
      'a dict with a default',
      'builtins.int',
      bytesOf(call(global('collections', 'defaultdict'), global('builtins', 'int')), text('a'), int(1), 's'),
    ],
    ['an enum', 'mine.Mode', call(global('mine', 'Mode'), int(2))],
    [
      "an enum's member, as of Python 3.11",
      'builtins.getattr',
      call(global('builtins', 'getattr'), global('mine', 'Mode'), text('FAST')),
    ],
    ['a class of its own', 'mine.Config', bytesOf(made('mine', 'Config'), tuple('N', dict({ a: int(1) })), 'b')],
    ['a dict of its own', 'mine.Dict', bytesOf(made('mine', 'Dict'), '(', text('a'), int(1), 'u', dict({}), 'b')],
    ['a list of its own', 'mine.List', bytesOf(made('mine', 'List'), '(', int(1), int(2), 'e')],
    ['an object made with names', 'mine.Kw', bytesOf(global('mine', 'Kw'), ')', dict({ a: int(1) }), '\x92')],
    [
      'a method bound to an object',
      'builtins.getattr',
      call(call(global('builtins', 'getattr'), 'N', text('f')), int(1)),
    ],
    [
      'a frozen set and a tuple in itself',
      'pathlib.PosixPath',
      bytesOf('(', int(1), '\x91', '0', '(', int(1), '1', call(global('pathlib', 'PosixPath'), text('a'))),
    ],
    ['a number of 300 bytes', 'mine.Big', bytesOf(made('mine', 'Big'), '\x8b\x2c\x01\x00\x00', 'x'.repeat(300), 'b')],
    ['a class in a folder called code', 'code.models.Net', made('code.models', 'Net')],
    ['a name of all objects', '__proto__.toString', call(global('__proto__', 'toString'))],
    [
      'code as cloudpickle writes it',
      'cloudpickle.cloudpickle._make_function',
      call(global('cloudpickle.cloudpickle', '_make_function'), 'N'),
    ],
  ])('%s: it is passed over, and named', async (_, name, beside) => {
    const path = await writeBeside(beside);
    expect(await readAll(path)).toEqual({ 'state.w': w });
    const file = await openWeights(path);
    await file.close();
    expect(file.passedOver).toContain(name);
  });

  it('tensors in ways of newer versions: of a subclass, with attributes, of types without storages', async () => {
    const [data] = [tensor(one, [6], [1])];
    const make = global('torch._utils', '_rebuild_tensor_v2');
    const storage = data.subarray(make.length + 1, -1);
    const object = dict({
      subclass: call(
        global('torch._tensor', '_rebuild_from_type_v2'),
        make,
        global('mine', 'T'),
        bytesOf('(', storage.subarray(0, -1), 't'),
        dict({}),
      ),
      attributes: bytesOf(data, dict({ note: int(1) }), 'b'),
      parameter: call(global('torch._utils', '_rebuild_parameter_with_state'), data, '\x88', dict({}), dict({})),
      endless: call(
        global('torch._tensor', '_rebuild_from_type_v2'),
        global('torch._tensor', '_rebuild_from_type_v2'),
        'N',
        tuple('N'),
      ),
    });
    const found = await readAll(await write('new.pth', torchZip(pickle(object), { 0: counting(6) })));
    expect(found).toEqual({ subclass: w, attributes: w, parameter: w });
  });

  it('floats of 8 bits, which only those miss who want them', async () => {
    const args = bytesOf(tensor(one, [6], [1])).subarray(global('torch._utils', '_rebuild_tensor_v2').length, -2);
    const typed = bytesOf(global('torch._utils', '_rebuild_tensor_v3'), args, global('torch', 'float8_e4m3fn'), 'tR');
    const file = await openWeights(
      await write('small.pth', torchZip(pickle(dict({ f: typed, w: tensor(one, [6], [1]) })), { 0: counting(6) })),
    );
    const { f, w: whole } = Object.fromEntries(file.tensors.map((each) => [each.name, each]));
    expect([...(await whole!.read())]).toEqual(w[1]);
    await expect(f!.read()).rejects.toThrow('tensor f has the type torch.float8_e4m3fn, which dws does not read');
    await file.close();
  });
});

describe('a whole model that was pickled', () => {
  const module = (name: string, parameters: Uint8Array, modules: Uint8Array): Uint8Array =>
    bytesOf(
      made('torchvision.models.resnet', name),
      dict({ training: '\x88', _parameters: parameters, _buffers: dict({}), _modules: modules, note: list(int(1)) }),
      'b',
    );
  const model = module(
    'ResNet',
    dict({}),
    dict({ layer1: module('Block', dict({ weight: tensor(one, [6], [1]), bias: 'N' }), dict({})) }),
  );

  it('has the names of its state dict, and its class is not looked for', async () => {
    const path = await write('model.pth', torchZip(pickle(dict({ model })), { 0: counting(6) }));
    expect(await readAll(path)).toEqual({ 'model.layer1.weight': w });
    const file = await openWeights(path);
    await file.close();
    expect(file.tensors[0]!.container).toBe('model');
    expect(file.passedOver).toContain('torchvision.models.resnet.ResNet');
  });
});

describe('a file is refused, whatever weights it holds, that names', () => {
  it.each([
    ['os', 'system'],
    ['posix', 'system'],
    ['nt', 'system'],
    ['subprocess', 'Popen'],
    ['builtins', 'eval'],
    ['builtins', 'exec'],
    ['__builtin__', 'execfile'],
    ['importlib', 'import_module'],
    ['runpy', 'run_path'],
    ['torch', 'load'],
    ['_pickle', 'loads'],
    ['ctypes', 'CDLL'],
    ['socket', 'socket'],
    ['shutil', 'rmtree'],
    ['code', 'interact'],
    ['numpy.testing._private.utils', 'runstring'],
    // What protocol 2, that of torch.save, calls exec, subprocess.Popen, open and urllib.request.urlopen.
    ['__builtin__', 'exec'],
    ['commands', 'Popen'],
    ['io', 'open'],
    ['urllib', 'urlopen'],
    ['codecs', 'open'],
    ['cProfile', 'run'],
    ['asyncio', 'create_subprocess_shell'],
    ['multiprocessing.context', 'Process'],
  ])('%s.%s', async (module, name) => {
    for (const beside of [
      call(global(module, name), text('x')),
      global(module, name),
      bytesOf(text(module), text(name), '\x93'),
    ]) {
      expect(await refusalOf(await writeBeside(beside))).toContain(
        `would run ${module}.${name} where PyTorch opens it`,
      );
    }
  });
});

const tooMany = 'holds more than can be read: its pickle takes over 9000000 operations. Save the weights alone';

describe('much beside the weights is passed over', () => {
  const many = (count: number, part: Uint8Array): Uint8Array =>
    bytesOf('](', Buffer.concat(Array<Uint8Array>(count).fill(part)), 'e');
  const scalar = call(global('numpy.core.multiarray', 'scalar'), 'h\x01', bytes(8));
  const dtype = call(global('numpy', 'dtype'), text('f8'));
  it.each<[string, Uint8Array]>([
    ['200,000 NumPy scalars in a list', bytesOf(dtype, 'q\x010', many(200_000, scalar))],
    ['a million floats', many(1_000_000, bytesOf('G\x3f\xf0\0\0\0\0\0\0'))],
    ['the names of 400,000 files', many(400_000, text('a/b.png'))],
    ['an array of 20 MB', call(global('_codecs', 'encode'), text('x'.repeat(20_000_000)), text('latin1'))],
  ])('%s', async (_, beside) => {
    expect(await readAll(await writeBeside(beside))).toEqual({ 'state.w': w });
  });
});

describe('made to take all memory or time, a pickle', () => {
  const nested = (levels: number): Uint8Array => {
    // Each level refers to the one below ten times: 10^levels ways to the weights.
    const parts = [bytesOf(weights(), 'q\x00', '0')];
    for (let level = 1; level <= levels; level++) {
      const below = Uint8Array.of(0x68, level - 1);
      const entries = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`k${i}`, below] as const));
      parts.push(bytesOf(dict(entries), 'q', Uint8Array.of(level), '0'));
    }
    return pickle(...parts, 'h', Uint8Array.of(levels));
  };

  it('of shared dicts is walked once', async () => {
    const tensors = await readAll(await write('bomb.pth', torchZip(nested(40), { 0: counting(6) })));
    expect(Object.values(tensors)).toEqual([w]);
  });

  it('of long names that are joined over and over is not followed', async () => {
    const name = 'n'.repeat(500);
    const deep = bytesOf(...Array<Uint8Array>(2000).fill(bytesOf('}', text(name))), weights(), 's'.repeat(2000));
    const path = await write('long.pth', torchZip(pickle(dict({ deep, near: weights() })), { 0: counting(6) }));
    expect(Object.keys(await readAll(path))).toEqual(['near.w']);
  });

  it('of objects that hold themselves ends', async () => {
    const own = bytesOf(made('mine', 'Node'), 'q\x00', dict({ self: 'h\x00', state: weights() }), 'b');
    expect(Object.keys(await readAll(await writeBeside(own)))).toEqual(['state.w', 'beside.state.w']);
  });

  it('of more objects than any checkpoint has is refused', async () => {
    const many = bytesOf(global('mine', 'A'), 'q\x01', 'h\x01)\x810'.repeat(1_000_000));
    expect(await refusalOf(await writeBeside(many))).toContain(tooMany);
  });
});
