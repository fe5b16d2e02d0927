/**
 * Philox4x32-10, the counter-based generator of Salmon, Moraes, Dror and Shaw, "Parallel Random Numbers: As Easy as
 * 1, 2, 3" (SC 2011). A block of four numbers is a pure function of a key and a counter, so that the numbers of any step
 * of a run can be made on their own, in any order: nothing has to be saved to resume.
 */

/** What a stream is for; streams of different purposes never share a block. The codes are part of a run's identity. */
const purposes = {
  /** Initial weights: `epoch` is the tensor's place in the layout, `step` is 0. */
  init: 0,
  /** Classes of a batch. */
  classes: 1,
  /** Images of each class of a batch. */
  images: 2,
  /** Horizontal flips. */
  flip: 3,
  /** Uniforms of distance-weighted sampling. */
  sampling: 4,
  /** Bytes of dropout. */
  dropout: 5,
  /** The map of a gallery. */
  map: 6,
  /** The images that a report looks at. */
  report: 7,
  /** Initial values of a loss's own parameters: `epoch` is the parameter's place, `step` is 0. */
  loss: 8,
  /** What is taken of a data set for validation: `epoch` is the class's place, `step` is 0. */
  split: 9,
} as const;

export type Purpose = keyof typeof purposes;

const multiplier0 = 0xd2511f53;
const multiplier1 = 0xcd9e8d57;
const weyl0 = 0x9e3779b9;
const weyl1 = 0xbb67ae85;
const rounds = 10;
const wordCount = 2 ** 32;

/** The upper 32 bits of a 32 x 32 bit product, as a signed integer: schoolbook multiplication on 16-bit halves. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  // The largest middle sums are (2^16 - 1)^2 + 2^16 - 1 < 2^32, so neither loses a carry.
  const middle = (Math.imul(aHigh, bLow) + (Math.imul(aLow, bLow) >>> 16)) | 0;
  const other = (Math.imul(aLow, bHigh) + (middle & 0xffff)) | 0;
  return (Math.imul(aHigh, bHigh) + (middle >>> 16) + (other >>> 16)) | 0;
}

/**
 * One block: ten rounds over the counter.
 *
 * @param counter four 32-bit words
 * @param key two 32-bit words
 * @param out receives four 32-bit words
 */
export function philox4x32(counter: ArrayLike<number>, key: ArrayLike<number>, out: Uint32Array): void {
  let c0 = counter[0]! | 0;
  let c1 = counter[1]! | 0;
  let c2 = counter[2]! | 0;
  let c3 = counter[3]! | 0;
  let k0 = key[0]! | 0;
  let k1 = key[1]! | 0;
  for (let round = 0; round < rounds; round++) {
    const high0 = multiplyHigh(multiplier0, c0);
    const low0 = Math.imul(multiplier0, c0);
    const high1 = multiplyHigh(multiplier1, c2);
    const low1 = Math.imul(multiplier1, c2);
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 = (k0 + weyl0) | 0;
    k1 = (k1 + weyl1) | 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

function requireInteger(name: string, value: number, limit: number): void {
  if (!Number.isInteger(value) || value < 0 || value >= limit) {
    throw new RangeError(`Philox: ${name} ${value} is not an integer in [0, ${limit})`);
  }
}

/** A stream of random numbers, the same on every machine: at most 2^34 words of 32 bits. */
export class Philox {
  private readonly key: Uint32Array;
  /** [block, step, epoch, purpose] */
  private readonly counter: Uint32Array;
  private readonly block = new Uint32Array(4);
  private used = 4;
  private spareNormal = NaN;

  /**
   * @param seed any safe non-negative integer
   * @throws RangeError when a number is not an integer in its range (`epoch` and `step`: 32 bits)
   */
  constructor(seed: number, purpose: Purpose, epoch = 0, step = 0) {
    requireInteger('seed', seed, Number.MAX_SAFE_INTEGER + 1);
    requireInteger('epoch', epoch, wordCount);
    requireInteger('step', step, wordCount);
    this.key = Uint32Array.of(seed % wordCount, Math.floor(seed / wordCount));
    this.counter = Uint32Array.of(0, step, epoch, purposes[purpose]);
  }

  /** An integer in [0, 2^32). */
  uint32(): number {
    if (this.used === 4) {
      philox4x32(this.counter, this.key, this.block);
      this.counter[0]!++;
      this.used = 0;
    }
    return this.block[this.used++]!;
  }

  /** A multiple of 2^-24 in [0, 1): exact in float32, so that it stays below 1 there. */
  unit(): number {
    return (this.uint32() >>> 8) / 2 ** 24;
  }

  /** Fills a float32 vector with `unit()`s. */
  fillUnit(out: Float32Array): Float32Array {
    for (let i = 0; i < out.length; i++) out[i] = this.unit();
    return out;
  }

  /** Fills a vector with random bytes, four of a word, the lowest first. */
  fillBytes(out: Uint8Array): Uint8Array {
    for (let i = 0; i < out.length; i += 4) {
      const word = this.uint32();
      for (let j = i; j < Math.min(i + 4, out.length); j++) out[j] = word >>> (8 * (j - i));
    }
    return out;
  }

  /** A standard normal number (Box-Muller, float64; at most 6.7 in magnitude). */
  normal(): number {
    if (!Number.isNaN(this.spareNormal)) {
      const spare = this.spareNormal;
      this.spareNormal = NaN;
      return spare;
    }
    // In (0, 1]: its logarithm is finite.
    const radius = Math.sqrt(-2 * Math.log((this.uint32() + 1) / wordCount));
    const angle = (2 * Math.PI * this.uint32()) / wordCount;
    this.spareNormal = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  /**
   * An integer in [0, n), each equally likely.
   *
   * @throws RangeError unless n is an integer in [1, 2^32]
   */
  int(n: number): number {
    if (!Number.isInteger(n) || n < 1 || n > wordCount) throw new RangeError(`Philox: no integer below ${n} to draw`);
    // Words beyond the last whole multiple of n would favour the small integers.
    const limit = wordCount - (wordCount % n);
    for (;;) {
      const word = this.uint32();
      if (word < limit) return word % n;
    }
  }

  /**
   * k distinct integers of [0, n), every ordered choice equally likely: the first k places of a Fisher-Yates shuffle.
   *
   * @throws RangeError when k > n
   */
  choose(n: number, k: number): number[] {
    if (k > n) throw new RangeError(`Philox: cannot choose ${k} distinct integers below ${n}`);
    // Only the places that a swap has touched are stored: k of them, however large n is.
    const places = new Map<number, number>();
    return Array.from({ length: k }, (_, i) => {
      const j = i + this.int(n - i);
      const chosen = places.get(j) ?? j;
      places.set(j, places.get(i) ?? i);
      return chosen;
    });
  }

  /** k integers of [0, n) in random order: distinct ones, or as evenly repeated as possible when k > n. */
  chooseEvenly(n: number, k: number): number[] {
    const chosen: number[] = [];
    while (chosen.length < k) for (const one of this.choose(n, Math.min(k - chosen.length, n))) chosen.push(one);
    return chosen;
  }
}
