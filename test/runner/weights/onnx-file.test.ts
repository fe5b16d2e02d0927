import { mkdir, rename, symlink } from 'node:fs/promises';
import { relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { encodeModel } from '../../../src/graph/onnx/schema.js';
import type { TensorProto } from '../../../src/graph/onnx/schema.js';
import { openWeights } from '../../../src/runner/weights/open-weights.js';
import { bytesOf, little } from './pickles.js';
import { readAll, refusalOf, temporaryFolder } from './temporary-folder.js';

const { path, write } = temporaryFolder();

const FLOAT = 1;
const HALF = 10;
const DOUBLE = 11;
const BFLOAT16 = 16;

type Node = [opType: string, input: string, output: string];

const modelOf = (nodes: Node[], initializer: TensorProto[], producerName = 'test'): Uint8Array =>
  encodeModel({
    irVersion: 8,
    producerName,
    graph: {
      name: 'g',
      node: nodes.map(([opType, input, output]) => ({
        ...{ input: [input], output: [output], name: output, opType, attribute: [] },
      })),
      initializer,
      input: [],
      output: [],
    },
    opsetImport: [{ version: 17 }],
  });

const model = (...initializer: TensorProto[]): Uint8Array => modelOf([['Relu', 'a', 'b']], initializer);

const floats = (...values: number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer);
const external = (location: string, more: Record<string, string> = {}): TensorProto => ({
  name: 'w',
  dims: [2],
  dataType: FLOAT,
  dataLocation: 1,
  externalData: Object.entries({ location, ...more }).map(([key, value]) => ({ key, value })),
});

/** A field with content: its tag, its length as two groups of 7 bits, its bytes. */
const field = (id: number, content: Uint8Array): Uint8Array =>
  bytesOf(Uint8Array.of(id * 8 + 2, (content.length & 127) | 128, content.length >> 7), content);

describe('an ONNX model', () => {
  it('gives its float initializers in all encodings, and no integers', async () => {
    const content = model(
      { name: 'raw', dims: [2, 1], dataType: FLOAT, rawData: floats(1, -2) },
      { name: 'floats', dims: [2], dataType: FLOAT, floatData: [3, 4] },
      { name: 'raw half', dims: [1], dataType: HALF, rawData: little(0x3c00, 2) },
      { name: 'half', dims: [4], dataType: HALF, int32Data: [0x3c00, 1, 0xc000, 0] },
      { name: 'bfloat16', dims: [2], dataType: BFLOAT16, int32Data: [0x3f80, 0xc000] },
      { name: 'raw double', dims: [], dataType: DOUBLE, rawData: new Uint8Array(Float64Array.of(0.1).buffer) },
      { name: 'double', dims: [1], dataType: DOUBLE, doubleData: [0.1] },
      { name: 'indices', dims: [1], dataType: 7, int64Data: [3] },
      { name: 'empty', dims: [0], dataType: FLOAT },
    );
    expect(await readAll(await write('all.onnx', content))).toEqual({
      raw: [
        [2, 1],
        [1, -2],
      ],
      floats: [[2], [3, 4]],
      'raw half': [[1], [1]],
      half: [[4], [1, 2 ** -24, -2, 0]],
      bfloat16: [[2], [1, -2]],
      'raw double': [[], [Math.fround(0.1)]],
      double: [[1], [Math.fround(0.1)]],
      empty: [[0], []],
    });
  });

  it('gives a tensor that the exporter has kept once under all of its names', async () => {
    const nodes: Node[] = [
      ['Identity', 'layer1.0.bn1.weight', 'layer1.0.bn2.weight'],
      ['Identity', 'layer1.0.bn3.weight', 'layer1.1.bn1.weight'],
      ['Identity', 'layer1.0.bn2.weight', 'layer1.0.bn3.weight'],
      ['Identity', 'input', 'output'],
      ['Identity', 'round', 'about'],
      ['Identity', 'about', 'round'],
    ];
    const w = { name: 'layer1.0.bn1.weight', dims: [2], dataType: FLOAT, rawData: floats(1, 2) };
    const file = await write('shared.onnx', modelOf(nodes, [w]));
    const names = ['layer1.0.bn1', 'layer1.0.bn2', 'layer1.1.bn1', 'layer1.0.bn3'].map((name) => `${name}.weight`);
    expect(await readAll(file)).toEqual(Object.fromEntries(names.map((name) => [name, [[2], [1, 2]]])));
    const { tensors, close } = await openWeights(file);
    await close();
    expect(new Set(tensors.map(({ source }) => source)).size).toBe(1);
  });

  it.each<[string, Node[], string, boolean]>([
    ['a convolution and no normalization', [['Conv', 'a', 'b']], 'conv1.weight', true],
    ['weights that the exporter has computed', [['Relu', 'a', 'b']], 'onnx::Conv_193', true],
    [
      'normalization',
      [
        ['Conv', 'a', 'b'],
        ['BatchNormalization', 'b', 'c'],
      ],
      'conv1.weight',
      false,
    ],
  ])('with %s: says whether it was folded', async (_, nodes, name, isFolded) => {
    const w = { name, dims: [1], dataType: FLOAT, rawData: floats(1) };
    const { hint, close } = await openWeights(await write('folded.onnx', modelOf(nodes, [w])));
    await close();
    if (isFolded) expect(hint).toMatch(/normalization was folded .*TrainingMode\.PRESERVE, do_constant_folding=False/);
    else expect(hint).toBeUndefined();
  });

  it('that this program made is told as such, with what to give instead', async () => {
    const w = { name: 'w', dims: [1], dataType: FLOAT, rawData: floats(1) };
    const message = await refusalOf(await write('own.onnx', modelOf([], [w], 'dws')));
    expect(message).toContain('is a model that dws itself wrote');
    expect(message).toContain('--pretrained checkpoint.safetensors');
  });

  it('reads long lists of halves, which reach over several pieces', async () => {
    const bits = Array.from({ length: 200_000 }, (_, i) => i % 0x7c00);
    const asData = { name: 'a', dims: [bits.length], dataType: HALF, int32Data: bits };
    const asRaw = {
      name: 'b',
      dims: [bits.length],
      dataType: HALF,
      rawData: new Uint8Array(Uint16Array.from(bits).buffer),
    };
    const { a, b } = await readAll(await write('halves.onnx', model(asData, asRaw)));
    expect(a).toEqual(b);
  });

  it('reads shapes that are packed, as proto3 writers do', async () => {
    const tensor = bytesOf(
      field(1, Uint8Array.of(2, 1)),
      bytesOf('\x10\x01'),
      field(8, bytesOf('w')),
      field(9, floats(5, 6)),
    );
    const content = bytesOf('\x08\x08', field(7, field(5, tensor)));
    expect(await readAll(await write('packed.onnx', content))).toEqual({
      w: [
        [2, 1],
        [5, 6],
      ],
    });
  });

  it('reads external data beside it, in a folder beside it, and through a link that stays there', async () => {
    await write('weights.bin', bytesOf(floats(9), floats(1, 2)));
    await mkdir(path('inner'));
    await write('inner/weights.bin', floats(3, 4));
    await symlink('inner/weights.bin', path('link.bin'));
    const read = async (tensor: TensorProto): Promise<unknown> =>
      (await readAll(await write('external.onnx', model(tensor)))).w![1];
    expect(await read(external('weights.bin', { offset: '4', length: '8' }))).toEqual([1, 2]);
    expect(await read(external('./inner/weights.bin'))).toEqual([3, 4]);
    expect(await read(external('link.bin', { length: '8', checksum: 'abc' }))).toEqual([3, 4]);
  });

  it('reads no external data outside of its folder', async () => {
    await mkdir(path('model'));
    await mkdir(path('model-of-others'));
    await write('secret.bin', floats(1, 2));
    await write('model-of-others/secret.bin', floats(1, 2));
    await symlink(path('secret.bin'), path('model/link.bin'));
    await symlink(path('model-of-others'), path('model/folder'));
    const refuse = async (location: string): Promise<string> =>
      refusalOf(await write('model/hostile.onnx', model(external(location))));
    for (const location of [
      ...['../secret.bin', 'a/../../secret.bin', '..\\secret.bin', path('secret.bin'), ''],
      ...['C:\\secret.bin', 'C:secret.bin', '\\\\server\\share', 'a\0b'],
    ]) {
      expect(await refuse(location)).toContain("not in the model's folder");
    }
    expect(await refuse('link.bin')).toContain("a link that leaves the model's folder");
    expect(await refuse('folder/secret.bin')).toContain("a link that leaves the model's folder");
    expect(await refuse('.')).toContain("leaves the model's folder");
  });

  it('finds external data beside a model given by a relative path', async () => {
    await write('beside.bin', floats(1, 2));
    const file = await write('relative.onnx', model(external('beside.bin')));
    expect((await readAll(relative(process.cwd(), file))).w).toEqual([[2], [1, 2]]);
  });

  it('refuses external data that are missing, too short, elsewhere or of another length', async () => {
    await write('short.bin', floats(1));
    await write('two.bin', floats(1, 2));
    const refuse = async (tensor: TensorProto): Promise<string> => refusalOf(await write('short.onnx', model(tensor)));
    expect(await refuse(external('missing.bin'))).toContain('no such file');
    expect(await refuse(external('short.bin'))).toContain('file of 4 bytes');
    expect(await refuse(external('two.bin', { offset: '4' }))).toContain('offset 4');
    expect(await refuse(external('two.bin', { offset: '-8' }))).toContain('offset -8');
    expect(await refuse(external('two.bin', { offset: 'x' }))).toContain('offset x');
    expect(await refuse(external('two.bin', { length: '4' }))).toContain('takes 8 bytes');
  });

  it('says so when external data vanish after it was opened', async () => {
    await write('moving.bin', floats(1, 2));
    const file = await openWeights(await write('moving.onnx', model(external('moving.bin'))));
    await rename(path('moving.bin'), path('moved.bin'));
    await expect(file.tensors[0]!.read()).rejects.toThrow('no such file');
    await file.close();
  });

  const tensor = (more: Partial<TensorProto>): Uint8Array => model({ name: 'w', dims: [2], dataType: FLOAT, ...more });
  const twice = { name: 'w', dims: [1], dataType: FLOAT, floatData: [1] };
  it.each<[string, Uint8Array, string]>([
    ['too few bytes', tensor({ rawData: floats(1) }), 'tensor w [2] holds 4 bytes'],
    ['no data', tensor({}), 'tensor w [2] holds 0 bytes'],
    ['data in two fields', tensor({ rawData: floats(1, 2), floatData: [1, 2] }), 'tensor w [2] holds'],
    ['data of another type', tensor({ doubleData: [1, 2] }), 'tensor w [2] holds 0 bytes'],
    ['a negative size', tensor({ dims: [-2], floatData: [1, 2] }), 'the bad shape [-2]'],
    ['a huge size', tensor({ dims: [2 ** 52, 2 ** 52], floatData: [1] }), 'holds 4 bytes'],
    ['too many dimensions', tensor({ dims: Array<number>(65).fill(1), floatData: [1] }), 'more than 64 numbers'],
    [
      'too many of them, each in a field',
      bytesOf('\x08\x08', field(7, field(5, bytesOf('\x08\x01'.repeat(65))))),
      'more than 64 dim',
    ],
    ['numbers that are no halves', tensor({ dataType: HALF, int32Data: [0x1ffff, 1] }), 'no halves'],
    ['negative halves', tensor({ dataType: HALF, int32Data: [-1] }), 'tensor w [2] holds 10 bytes'],
    ['fewer halves than it says', tensor({ dataType: HALF, int32Data: [0x3c00] }), 'no halves'],
    ['floats of 8 bits', tensor({ dataType: 17, rawData: floats(1) }), 'floats of 8 or 4 bits'],
    ['a name twice', model(twice, twice), 'tensor w is there twice'],
    ['no floats', model({ name: 'i', dims: [], dataType: 7, int64Data: [1] }), 'no float tensors'],
    ['no graph', bytesOf('\x08\x08'), '0 graphs'],
    ['a length beyond its message', bytesOf('\x08\x08\x3a\x7f'), 'does not end within its message'],
    ['a length beyond all files', bytesOf('\x08\x08\x3a', '\xff'.repeat(9), '\x01'), 'does not end within its message'],
    ['a number without end', bytesOf('\x08', '\xff'.repeat(11)), 'does not end'],
    ['a group', bytesOf('\x08\x08\x3b\x3c'), 'begins no field'],
    [
      'pieces of data',
      bytesOf('\x08\x08', field(7, field(5, bytesOf('\x10\x01', ...Array<Uint8Array>(2).fill(field(9, floats(1))))))),
      'in pieces',
    ],
    ['a name that is not UTF-8', bytesOf('\x08\x08', field(7, field(5, field(8, bytesOf('\xff'))))), 'not UTF-8'],
    ['more fields than any model', bytesOf('\x08\x08'.repeat(400_001)), 'more than 400000 fields'],
  ])('with %s is refused', async (_, content, reason) => {
    expect(await refusalOf(await write('hostile.onnx', content))).toContain(reason);
  });
});
