/** Changes of bytes that know nothing of the format. */
import type { Philox } from '../../src/graph/state/philox.js';

export interface Material {
  random: Philox;
  /** Other inputs of the target, to splice with. */
  others: readonly Uint8Array[];
  /** Bytes that mean something in the format. */
  tokens: readonly Uint8Array[];
}

export type Mutation = (bytes: Uint8Array, material: Material) => Uint8Array;

export const pick = <T>(random: Philox, list: readonly T[]): T => list[random.int(list.length)]!;

const join = (...parts: Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

/** A place in the bytes, the end included. */
const place = (random: Philox, bytes: Uint8Array): number => random.int(bytes.length + 1);

function overwrite(bytes: Uint8Array, at: number, patch: Uint8Array): Uint8Array {
  // A Buffer's slice would be the same memory.
  const result = new Uint8Array(bytes);
  result.set(patch.subarray(0, bytes.length - at), at);
  return result;
}

/** A slice, mostly a short one. */
function slice(random: Philox, bytes: Uint8Array): Uint8Array {
  const start = place(random, bytes);
  return bytes.subarray(start, start + 1 + random.int(pick(random, [4, 16, 64, 1024])));
}

/** Where integers change their sign, their width or their exactness in float64. */
const boundaries = [
  0n,
  1n,
  2n,
  127n,
  128n,
  255n,
  256n,
  32767n,
  65535n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 32n,
]
  .concat([2n ** 53n - 1n, 2n ** 53n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n])
  .flatMap((value) => [value, -value]);

function boundary(random: Philox, bytes: Uint8Array): bigint {
  const near = BigInt(bytes.length) + BigInt(random.int(5)) - 2n;
  return random.int(4) === 0 ? near : pick(random, boundaries);
}

function integer(random: Philox, bytes: Uint8Array): Uint8Array {
  const width = pick(random, [1, 2, 4, 8]);
  const whole = new Uint8Array(8);
  new DataView(whole.buffer).setBigUint64(0, BigInt.asUintN(64, boundary(random, bytes)), true);
  const little = whole.slice(0, width);
  return random.int(2) === 0 ? little : little.reverse();
}

const decimals = [
  '-1',
  '0',
  '1',
  '1.5',
  '1e999',
  '-0',
  'NaN',
  '2147483648',
  '9007199254740993',
  '18446744073709551616',
];

/** Puts another number in the place of one that is written in digits. */
const decimal: Mutation = (bytes, { random }) => {
  const start = place(random, bytes);
  const isDigit = (i: number) => bytes[i]! >= 0x30 && bytes[i]! <= 0x39;
  let first = start;
  while (first < bytes.length && !isDigit(first)) first++;
  let last = first;
  while (last < bytes.length && isDigit(last)) last++;
  return join(bytes.subarray(0, first), Buffer.from(pick(random, decimals)), bytes.subarray(last));
};

const mutations: readonly Mutation[] = [
  (bytes, { random }) => {
    const at = place(random, bytes);
    return overwrite(bytes, at, Uint8Array.of((bytes[at] ?? 0) ^ (1 << random.int(8))));
  },
  (bytes, { random }) => overwrite(bytes, place(random, bytes), Uint8Array.of(random.int(256))),
  (bytes, { random }) => overwrite(bytes, place(random, bytes), integer(random, bytes)),
  (bytes, { random }) => overwrite(bytes, place(random, bytes), slice(random, bytes)),
  (bytes, { random }) => bytes.subarray(0, place(random, bytes)),
  (bytes, { random }) => {
    const at = place(random, bytes);
    return join(bytes.subarray(0, at), random.fillBytes(new Uint8Array(1 + random.int(16))), bytes.subarray(at));
  },
  (bytes, { random }) => {
    const at = place(random, bytes);
    return join(bytes.subarray(0, at), bytes.subarray(at + slice(random, bytes).length));
  },
  (bytes, { random }) => {
    const at = place(random, bytes);
    return join(bytes.subarray(0, at), slice(random, bytes), bytes.subarray(at));
  },
  (bytes, { random }) => {
    const at = place(random, bytes);
    const copies = Array<Uint8Array>(1 + random.int(pick(random, [4, 64, 4096]))).fill(
      slice(random, bytes).subarray(0, 16),
    );
    return join(bytes.subarray(0, at), ...copies, bytes.subarray(at));
  },
  (bytes, { random, others }) => {
    const other = pick(random, others);
    return join(bytes.subarray(0, place(random, bytes)), other.subarray(place(random, other)));
  },
  (bytes, { random, others }) => {
    const at = place(random, bytes);
    return join(bytes.subarray(0, at), slice(random, pick(random, others)), bytes.subarray(at));
  },
  (bytes, { random, tokens }) =>
    tokens.length > 0 ? overwrite(bytes, place(random, bytes), pick(random, tokens)) : bytes,
  (bytes, { random, tokens }) => {
    const at = place(random, bytes);
    return tokens.length > 0 ? join(bytes.subarray(0, at), pick(random, tokens), bytes.subarray(at)) : bytes;
  },
  decimal,
];

/** Memory that a file takes is measured beside a bound that does not grow with the file. */
export const longest = 2 ** 22;

/** One to four changes, one after the other; at most 4 MiB. */
export const mutate: Mutation = (bytes, material) => {
  let result = bytes;
  for (let left = 1 + material.random.int(4); left > 0; left--) {
    result = pick(material.random, mutations)(result, material).subarray(0, longest);
  }
  return result;
};
