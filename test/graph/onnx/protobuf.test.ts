import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import protobuf from 'protobufjs/light.js';
import { describe, expect, it } from 'vitest';
import { many, one, Protobuf } from '../../../src/graph/onnx/protobuf.js';

const tables = {
  Outer: {
    // Not in the order of their numbers.
    name: one(20, 'string'),
    count: one(1, 'int64'),
    small: one(2, 'int32'),
    single: one(3, 'float'),
    double: one(4, 'double'),
    bytes: one(5, 'bytes'),
    inner: one(6, 'Inner'),
    inners: many(7, 'Inner'),
    texts: many(8, 'string'),
    counts: many(9, 'int64'),
    singles: many(10, 'float'),
  },
  Inner: { name: one(1, 'string'), outer: one(2, 'Outer') },
};

/** What protobufjs makes of the same tables. */
const reference = protobuf.Root.fromJSON({
  nested: Object.fromEntries(
    Object.entries(tables).map(([name, fields]) => [
      name,
      {
        fields: Object.fromEntries(
          Object.entries(fields).map(([field, { id, type, repeated }]) => [
            field,
            { id, type, ...(repeated && { rule: 'repeated' }) },
          ]),
        ),
      },
    ]),
  ),
}).lookupType('Outer');

const messages = new Protobuf(tables);
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const { outer } = fc.letrec<{ outer: object; inner: object }>((tie) => ({
  inner: fc.record({ name: maybe(fc.string()), outer: fc.option(tie('outer'), { nil: undefined, maxDepth: 3 }) }),
  outer: fc.record({
    name: maybe(fc.string({ unit: 'grapheme' })),
    count: maybe(fc.maxSafeInteger()),
    small: maybe(fc.integer()),
    single: maybe(fc.float()),
    double: maybe(fc.double()),
    bytes: maybe(fc.uint8Array()),
    inner: fc.option(tie('inner'), { nil: undefined, maxDepth: 3 }),
    inners: fc.array(fc.record({ name: maybe(fc.string()) }), { maxLength: 2 }),
    texts: fc.array(fc.string()),
    counts: fc.array(fc.maxSafeInteger()),
    singles: fc.array(fc.float()),
  }),
}));

describe('Protobuf', () => {
  it('writes the bytes that protobufjs writes, and reads what it reads', () => {
    fc.assert(
      fc.property(outer, (message) => {
        const bytes = Buffer.from(messages.encode('Outer', message));
        const expected = Buffer.from(reference.encode(reference.fromObject(message)).finish());
        expect(bytes.equals(expected)).toBe(true);
        const read = reference.toObject(reference.decode(bytes), { longs: Number, arrays: true });
        expect(messages.decode('Outer', bytes)).toEqual(read);
      }),
    );
  });

  it('reads packed lists, and skips fields that it does not know', () => {
    const other = new Protobuf({
      Outer: { counts: one(9, 'bytes'), unknown: one(100, 'Unknown'), text: one(101, 'string') },
      Unknown: {},
    });
    const bytes = other.encode('Outer', { counts: Uint8Array.of(1, 2, 0x96, 1), unknown: {}, text: 'skipped' });
    expect(messages.decode('Outer', bytes)).toEqual({ counts: [1, 2, 150], inners: [], texts: [], singles: [] });
  });

  it('bytes that are no message end in an error where protobufjs has one, and others are read as by it', () => {
    const message = { name: 'a', inner: { name: 'b' }, counts: [1, 2 ** 40], singles: [1] };
    const whole = Uint8Array.from(messages.encode('Outer', message));
    const outcome = (read: () => unknown) => {
      try {
        return read();
      } catch {
        return 'an error';
      }
    };
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), fc.nat(whole.length), (place, value, length) => {
        const bytes = whole.slice(0, length);
        if (place < length) bytes[place] = value;
        const found = outcome(() => messages.decode('Outer', bytes));
        // protobufjs 7.6 also takes what it has read beyond the end, of the bytes or of a message within another.
        if (found === 'an error') return;
        expect(found).toEqual(
          outcome(() => reference.toObject(reference.decode(bytes), { longs: Number, arrays: true })),
        );
      }),
    );
    expect(() => messages.decode('Outer', Uint8Array.of(0x09, 0xcd, 0x92, 0xa0))).toThrow(RangeError);
    let deep: Uint8Array = new Uint8Array();
    for (let i = 0; i < 60; i++) deep = nested(deep);
    expect(() => messages.decode('Outer', deep)).toThrow(/nesting depth/);
  });
});

/** An Outer with an Inner with these bytes as its Outer. */
function nested(bytes: Uint8Array): Uint8Array {
  const raw = new Protobuf({ Raw: { inner: one(6, 'Inner') }, Inner: { outer: one(2, 'bytes') } });
  return raw.encode('Raw', { inner: { outer: bytes } });
}

it('graphs are built where no text becomes a program, as in pages with a Content-Security-Policy', () => {
  const script = `import { encodeModel, decodeModel } from './dist/graph/index.js';
    const graph = { name: 'g', node: [], initializer: [], input: [], output: [] };
    process.stdout.write(decodeModel(encodeModel({ irVersion: 8, graph, opsetImport: [{ version: 17 }] })).graph.name);`;
  const args = ['--disallow-code-generation-from-strings', '--input-type=module', '-e', script];
  expect(execFileSync(process.execPath, args, { encoding: 'utf8' })).toBe('g');
});
