/** run.json and data.jsonl may be anybody's: they are read or refused. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { UserError } from '../../../src/runner/base/errors.js';
import { decodeListing } from '../../../src/runner/reproduce/data-listing.js';
import { decodeRecord, encodeRecord } from '../../../src/runner/reproduce/record.js';
import { writeImageFolder } from '../../helpers/images.js';
import { temporaryFolder } from '../data/images.js';
import { trainSmall } from '../training/train-options.js';

const folder = temporaryFolder();
const at = (...names: string[]) => path.join(folder.path, ...names);
const texts = { 'run.json': '', 'data.jsonl': '' };

beforeAll(async () => {
  await writeImageFolder(at('data'));
  await trainSmall({ dataPath: at('data'), out: at('run'), model: 'squeezenet1_1', batchNum: 1 });
  for (const name of ['run.json', 'data.jsonl'] as const) texts[name] = await readFile(at('run', name), 'utf8');
  // What few runs have.
  const record = decodeRecord(texts['run.json'], 'here');
  const pretrained = { kind: 'published', weights: 'v1' } as const;
  Object.assign(record.segments[0]!.options, { pretrained, clipNorm: 1, nanPolicy: 'skip', classes: 4, dropout: 0.5 });
  texts['run.json'] = encodeRecord(record);
});

/** Reads a text; only a UserError of one line may come out. */
function tryTo<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    expect(error.message).toMatch(/^here /);
    expect(error.message).not.toContain('\n');
    expect(error.message.length).toBeLessThan(1000);
    return undefined;
  }
}

const readers = {
  'run.json': (text: string) => tryTo(() => decodeRecord(text, 'here')),
  'data.jsonl': (text: string) => tryTo(() => decodeListing(text, 'here')),
};

type Change = (text: string, at: number) => string;

const change: fc.Arbitrary<Change> = fc.oneof(
  fc.string({ minLength: 1, maxLength: 9, unit: 'binary' }).map(
    (more): Change =>
      (text, at) =>
        text.slice(0, at) + more + text.slice(at),
  ),
  fc.constantFrom('{', '[', '"', ',', ':', '-', '1e999', 'null', '\\u0000').map(
    (more): Change =>
      (text, at) =>
        text.slice(0, at) + more + text.slice(at),
  ),
  fc.integer({ min: 1, max: 40 }).map(
    (length): Change =>
      (text, at) =>
        text.slice(0, at) + text.slice(at + length),
  ),
  fc.constant<Change>((text, at) => text.slice(0, at)),
);
const place = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

/** Values that stand where others should. */
const odd = fc.oneof(
  fc.string({ minLength: 900, maxLength: 2000, unit: 'binary' }),
  fc.constantFrom<unknown>(
    null,
    -1,
    0,
    1e300,
    0.5,
    '',
    '..',
    '../up',
    '/etc/passwd',
    'C:\\up',
    '\0',
    '\u202e',
    [],
    {},
    [[]],
    true,
  ),
  fc.jsonValue(),
);

/** Each path to a value inside of a value. */
const placesIn = (value: unknown): string[][] =>
  typeof value === 'object' && value !== null
    ? Object.entries(value).flatMap(([key, inner]) => [[key], ...placesIn(inner).map((rest) => [key, ...rest])])
    : [];

function replaced(value: unknown, [key, ...rest]: string[], other: unknown): unknown {
  if (key === undefined) return other;
  const copy = (Array.isArray(value) ? [...(value as unknown[])] : { ...(value as object) }) as Record<string, unknown>;
  copy[key] = replaced(copy[key], rest, other);
  return copy;
}

describe.each(['run.json', 'data.jsonl'] as const)('%s is read or refused, nothing else', (name) => {
  it('with some characters changed, inserted, removed or cut off', () => {
    expect(readers[name](texts[name])).toBeDefined();
    fc.assert(
      fc.property(fc.array(fc.tuple(change, place), { minLength: 1, maxLength: 3 }), (list) => {
        readers[name](list.reduce((text, [apply, where]) => apply(text, Math.floor(where * text.length)), texts[name]));
      }),
      { numRuns: 400 },
    );
  });

  it('with another value at any place', () => {
    const text = name === 'run.json' ? texts[name] : texts[name].split('\n')[0]!;
    const value: unknown = JSON.parse(text);
    const places = placesIn(value);
    fc.assert(
      fc.property(fc.constantFrom(...places), odd, (where, other) => {
        readers[name](JSON.stringify(replaced(value, where, other)));
      }),
      { numRuns: 1000 },
    );
  });
});

describe('a path that leaves the folder', () => {
  const outside = ['../x', 'a/../../x', '/x', 'C:\\x', '..\\x', '\\\\host\\x', 'a\0b', ''];

  it.each(outside)('%j is none of an image', (image) => {
    const line = JSON.stringify({ ...(JSON.parse(texts['data.jsonl'].split('\n')[0]!) as object), path: image });
    expect(() => decodeListing(line, 'here')).toThrow(
      /^here is damaged: line 1: path is .* instead of a path that stays inside/,
    );
  });

  it.each([...outside, 'a/b', '.', '..', 'a\nb'])('%j is none of a listing, checkpoint or prefix', (name) => {
    const record = decodeRecord(texts['run.json'], 'here');
    const places: [string, (copy: typeof record) => unknown][] = [
      ['segments[0].data.listing', (copy) => (copy.segments[0]!.data!.listing = name)],
      ['checkpoints[0].file', (copy) => (copy.checkpoints[0]!.file = name)],
      ...(name === ''
        ? []
        : [
            [
              'segments[0].options.savePrefix',
              (copy: typeof record) => (copy.segments[0]!.options.savePrefix = name),
            ] as [string, (copy: typeof record) => unknown],
          ]),
    ];
    for (const [field, set] of places) {
      const copy = structuredClone(record);
      set(copy);
      expect(() => decodeRecord(encodeRecord(copy), 'here')).toThrow(
        `here is damaged or no run.json of dws: ${field} is`,
      );
    }
  });
});

describe('what is no run.json of this version', () => {
  const edited = (edit: (record: Record<string, unknown>) => unknown) => {
    const record = JSON.parse(texts['run.json']) as Record<string, unknown>;
    edit(record);
    return () => decodeRecord(JSON.stringify(record), 'here');
  };

  it('is named', () => {
    expect(() => decodeRecord('{', 'here')).toThrow('here is damaged or no run.json of dws: it is not JSON.');
    expect(() => decodeRecord('[1]', 'here')).toThrow(
      'here is damaged or no run.json of dws: it is [1] instead of an object.',
    );
    expect(edited((record) => (record.format = 'x'))).toThrow('format is "x" instead of one of dws-run');
    expect(edited((record) => (record.version = 2))).toThrow(/^here is of version 2, this dws reads version 1\./);
    expect(edited((record) => (record.segments = []))).toThrow('it has no segment');
    expect(edited((record) => delete record.epochs)).toThrow('epochs is missing');
  });
});
