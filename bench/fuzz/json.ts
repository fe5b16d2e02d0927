/** Changes of JSON that leave it JSON: what a parser of values has to bear. */
import type { Philox } from '../../src/graph/state/philox.js';
import type { Mutation } from './mutate.js';
import { longest, mutate, pick } from './mutate.js';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const deep = (depth: number): Json => {
  let value: Json = [];
  for (let i = 0; i < depth; i++) value = [value];
  return value;
};

const values: readonly Json[] = [
  ...[null, true, false, 0, -1, 1.5, 1e308, 2 ** 31, 2 ** 53, -(2 ** 63), 1e9, 1e5, 2 ** 32],
  ...[
    '',
    '\0',
    'a\nb',
    '\u202e',
    '\ud800',
    '../../x',
    '/etc/passwd',
    'https://example.org/x',
    'C:\\x',
    '__proto__',
    '<img src=x onerror=alert(1)>',
    'NaN',
    '{}',
    '[]',
  ],
  ...[[], [[]], [0, 0, 0], {}, { length: 3 }, { '': null }],
];

interface Slot {
  holder: Json[] | { [key: string]: Json };
  key: string;
}

/** Every value of a document but its root. */
function slots(value: Json, found: Slot[] = []): Slot[] {
  if (typeof value !== 'object' || value === null) return found;
  for (const [key, entry] of Object.entries(value)) {
    found.push({ holder: value, key });
    slots(entry, found);
  }
  return found;
}

const get = ({ holder, key }: Slot): Json => (holder as { [key: string]: Json })[key]!;

/** An own entry, also under a name such as `__proto__`. */
const set = (holder: Slot['holder'], key: string, value: Json): void =>
  void Object.defineProperty(holder, key, { value, enumerable: true, configurable: true, writable: true });

type Change = (slot: Slot, random: Philox, all: readonly Slot[]) => void;

const changes: readonly Change[] = [
  // A copy: later changes may go into it.
  (slot, random) => set(slot.holder, slot.key, structuredClone(pick(random, values))),
  (slot, random) => set(slot.holder, slot.key, deep(pick(random, [1, 3, 2000]))),
  (slot, random, all) => set(slot.holder, slot.key, structuredClone(get(pick(random, all)))),
  ({ holder, key }) => void (Array.isArray(holder) ? holder.splice(Number(key), 1) : delete holder[key]),
  (slot, random) => {
    const copy = structuredClone(get(slot));
    if (Array.isArray(slot.holder)) slot.holder.push(...Array<Json>(pick(random, [1, 2, 100])).fill(copy));
    else set(slot.holder, pick(random, ['', '__proto__', '<b>', 'length', `${slot.key} `, 'x\ny', '../x']), copy);
  },
  (slot, random) => {
    const value = get(slot);
    if (typeof value === 'number') set(slot.holder, slot.key, value + pick(random, [-1, 1, 0.5]));
    if (typeof value === 'string') set(slot.holder, slot.key, value + pick(random, ['x', '\n', '/..', '\0']));
  },
];

function parse(bytes: Uint8Array): Json | undefined {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8')) as Json;
  } catch {
    return undefined;
  }
}

/** Copies of copies of deep values would take longer to make than to parse. */
const mostSlots = 10_000;

function changed(document: Json, random: Philox): Uint8Array | undefined {
  for (let left = 1 + random.int(3); left > 0; left--) {
    const all = slots(document);
    if (all.length === 0 || all.length > mostSlots) return undefined;
    pick(random, changes)(pick(random, all), random, all);
  }
  const bytes = new Uint8Array(Buffer.from(JSON.stringify(document)));
  return bytes.length > longest ? undefined : bytes;
}

/** One to three values replaced, removed, moved or added; other bytes where the input is no JSON of several values. */
export const mutateJson: Mutation = (bytes, material) => {
  const document = parse(bytes);
  if (document === undefined || material.random.int(5) === 0) return mutate(bytes, material);
  try {
    return changed(document, material.random) ?? mutate(bytes, material);
  } catch (error) {
    // Nested deeper than the stack: what the other changes are for.
    if (!(error instanceof RangeError)) throw error;
    return mutate(bytes, material);
  }
};
