import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Philox, philox4x32 } from '../../../src/graph/state/philox.js';

const block = (counter: number[], key: number[]) => {
  const out = new Uint32Array(4);
  philox4x32(counter, key, out);
  return [...out].map((word) => word.toString(16).padStart(8, '0')).join(' ');
};

/** The same generator on BigInts, to hold the 16-bit arithmetic to. */
function reference(counter: number[], key: number[]): bigint[] {
  const mask = 0xffffffffn;
  let [c0, c1, c2, c3] = counter.map(BigInt) as [bigint, bigint, bigint, bigint];
  let [k0, k1] = key.map(BigInt) as [bigint, bigint];
  for (let round = 0; round < 10; round++) {
    const product0 = 0xd2511f53n * c0;
    const product1 = 0xcd9e8d57n * c2;
    [c0, c1, c2, c3] = [(product1 >> 32n) ^ c1 ^ k0, product1 & mask, (product0 >> 32n) ^ c3 ^ k1, product0 & mask];
    k0 = (k0 + 0x9e3779b9n) & mask;
    k1 = (k1 + 0xbb67ae85n) & mask;
  }
  return [c0, c1, c2, c3];
}

const draw = (random: Philox, n = 12) => Array.from({ length: n }, () => random.uint32());
const word = fc.integer({ min: 0, max: 2 ** 32 - 1 });

describe('philox4x32', () => {
  it("gives Random123's known answers", () => {
    const ones = 0xffffffff;
    expect(block([0, 0, 0, 0], [0, 0])).toBe('6627e8d5 e169c58d bc57ac4c 9b00dbd8');
    expect(block([ones, ones, ones, ones], [ones, ones])).toBe('408f276d 41c83b0e a20bc7c6 6d5451fd');
    expect(block([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0])).toBe(
      'd16cfe09 94fdcceb 5001e420 24126ea1',
    );
  });

  it('equals the definition on 64-bit integers', () => {
    fc.assert(
      fc.property(fc.tuple(word, word, word, word), fc.tuple(word, word), (counter, key) => {
        const out = new Uint32Array(4);
        philox4x32(counter, key, out);
        expect([...out].map(BigInt)).toEqual(reference(counter, key));
      }),
    );
  });
});

describe('Philox', () => {
  it('counts blocks under [block, step, epoch, purpose] and takes the seed as the key', () => {
    const seed = 0x12345 * 2 ** 32 + 0xfedcba98;
    const words = draw(new Philox(seed, 'sampling', 7, 9), 8);
    const key = [0xfedcba98, 0x12345];
    expect(words.map(BigInt)).toEqual([...reference([0, 9, 7, 4], key), ...reference([1, 9, 7, 4], key)]);
  });

  it('repeats itself, and differs by seed, purpose, epoch and step', () => {
    const streams = [
      new Philox(1, 'init', 2, 3),
      new Philox(2, 'init', 2, 3),
      new Philox(1 + 2 ** 32, 'init', 2, 3),
      new Philox(1, 'flip', 2, 3),
      new Philox(1, 'init', 3, 3),
      new Philox(1, 'init', 2, 4),
    ].map((random) => draw(random).join());
    expect(new Set(streams).size).toBe(streams.length);
    expect(draw(new Philox(1, 'init', 2, 3)).join()).toBe(streams[0]);
  });

  it('refuses what is no seed, epoch or step', () => {
    for (const seed of [-1, 0.5, NaN, 2 ** 53]) expect(() => new Philox(seed, 'init')).toThrow(/seed/);
    expect(() => new Philox(Number.MAX_SAFE_INTEGER, 'init')).not.toThrow();
    expect(() => new Philox(0, 'init', 2 ** 32)).toThrow(/epoch/);
    expect(() => new Philox(0, 'init', 0, -1)).toThrow(/step/);
  });

  it('draws units that float32 holds exactly, below 1, around one half', () => {
    const units = new Philox(3, 'sampling').fillUnit(new Float32Array(20_000));
    const random = new Philox(3, 'sampling');
    let sum = 0;
    for (const unit of units) {
      if (unit !== random.unit() || unit < 0 || unit >= 1) expect.unreachable(`${unit}`);
      sum += unit;
    }
    expect(sum / units.length).toBeCloseTo(0.5, 2);
  });

  it('draws normal numbers with the moments of the standard normal distribution', () => {
    const random = new Philox(4, 'init');
    const moments = [0, 0, 0, 0];
    const n = 50_000;
    for (let i = 0; i < n; i++) {
      const x = random.normal();
      for (let power = 1; power <= 4; power++) moments[power - 1]! += x ** power / n;
    }
    for (const [i, expected] of [0, 1, 0, 3].entries()) expect(Math.abs(moments[i]! - expected)).toBeLessThan(0.1);
  });

  it('draws integers evenly, for every n up to 2^32', () => {
    const random = new Philox(5, 'classes');
    const counts = [0, 0, 0, 0, 0, 0, 0];
    for (let i = 0; i < 7_000; i++) counts[random.int(7)]!++;
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150);
    fc.assert(fc.property(fc.integer({ min: 1, max: 2 ** 32 }), (n) => random.int(n) < n));
    for (const n of [0, -1, 1.5, NaN, 2 ** 32 + 1]) expect(() => random.int(n)).toThrow(RangeError);
  });

  it('chooses distinct integers, all of them when asked for all', () => {
    fc.assert(
      fc.property(fc.nat(200), fc.nat(200), fc.nat(), (a, b, seed) => {
        const [k, n] = a < b ? [a, b] : [b, a];
        const chosen = new Philox(seed, 'images').choose(n, k);
        expect(new Set(chosen).size).toBe(k);
        expect(chosen.every((value) => Number.isInteger(value) && value >= 0 && value < n)).toBe(true);
      }),
    );
    expect(() => new Philox(0, 'images').choose(3, 4)).toThrow(/4 distinct/);
  });

  it('chooses every ordered pair equally often', () => {
    const random = new Philox(6, 'images');
    const counts = new Map<string, number>();
    for (let i = 0; i < 12_000; i++) {
      const pair = random.choose(4, 2).join();
      counts.set(pair, (counts.get(pair) ?? 0) + 1);
    }
    expect(counts.size).toBe(12);
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(150);
  });
});
