/** How the reference files fill tensors, and how a result is held against their digests. */
import { elementCount } from '../../src/graph/onnx/types.js';

/** The n hashed 32-bit integers of a stream: lowbias32 over index + 0x9E3779B9 * stream. */
function hash(index: number, stream: number): number {
  let x = (index + Math.imul(0x9e3779b9, stream)) >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}

/** Values in [0, 1). */
export const unit = (n: number, stream: number): Float64Array =>
  Float64Array.from({ length: n }, (_, i) => hash(i, stream) / 2 ** 32);

/** Values in [-1, 1). */
export const sym = (n: number, stream: number): Float64Array => unit(n, stream).map((x) => 2 * x - 1);

/** Fills a state_dict: the p-th entry takes stream seed * 100000 + p + 1. */
export function fillState(entries: readonly [string, number[]][], seed: number): Map<string, Float32Array> {
  return new Map(
    entries.map(([name, shape], p) => {
      const r = sym(elementCount(shape), seed * 100000 + p + 1);
      const bound = Math.sqrt(6 / elementCount(shape.slice(1)));
      const value =
        shape.length >= 2
          ? (x: number) => x * bound
          : name.endsWith('running_var')
            ? (x: number) => 1 + 0.1 * Math.abs(x)
            : name.endsWith('weight')
              ? (x: number) => 1 + 0.1 * x
              : (x: number) => 0.1 * x;
      return [name, Float32Array.from(r, value)];
    }),
  );
}

/** A tensor's shape, L2 norm, sum, and values at some flat indices. */
export interface Digest {
  shape: number[];
  l2: number;
  sum: number;
  at: number[];
  values: number[];
}

/** One comparison: the error as a multiple of its bound. */
export interface Check {
  group: string;
  what: string;
  ratio: number;
}

/** A case that cannot be checked is shown, with the reason, and counts as neither right nor wrong. */
export const unchecked = (group: string, what: string): Check => ({ group, what, ratio: NaN });

/** NaN counts as infinitely wrong. */
export const multiple = (error: number, bound: number): number => (Number.isFinite(error) ? error / bound : Infinity);

export const exact = (group: string, what: string, equal: boolean): Check => ({
  group,
  what,
  ratio: equal ? 0 : Infinity,
});

export const closeTo = (group: string, what: string, value: number, reference: number, bound: number): Check => ({
  group,
  what,
  ratio: multiple(Math.abs(value - reference) / Math.max(Math.abs(reference), 1e-30), bound),
});

export interface DigestBounds {
  /** Of the relative error of the L2 norm. */
  norm: number;
  /** Of a sampled element's error, relative to the tensor's root mean square. */
  element: number;
  /** An error of the norm below this does not count, nor one of an element below its share, this over sqrt(n). */
  ignore?: number;
}

/** Holds a tensor against its digest: the worse of norm and elements. */
export function againstDigest(
  group: string,
  what: string,
  values: ArrayLike<number>,
  digest: Digest,
  { norm, element, ignore = 0 }: DigestBounds,
): Check {
  if (values.length !== elementCount(digest.shape)) return exact(group, `${what} (length)`, false);
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += values[i]! ** 2;
  const root = Math.sqrt(values.length);
  const rms = digest.l2 / root;
  const beyond = (error: number, ignored: number) => (error < ignored ? 0 : error);
  const ratios = digest.at.map((at, i) =>
    multiple(beyond(Math.abs(values[at]! - digest.values[i]!), ignore / root) / Math.max(rms, 1e-30), element),
  );
  ratios.push(multiple(beyond(Math.abs(Math.sqrt(squares) - digest.l2), ignore) / Math.max(digest.l2, 1e-30), norm));
  return { group, what, ratio: Math.max(...ratios) };
}
