/** The embedding head of a shipped model: from its file, and applied. */
import type { WebModelInfo } from '../graph/artifacts/web-model.js';
import { DwsWebError } from './errors.js';

/** The linear layer between a backbone's features and the embedding. */
export interface Head {
  featDim: number;
  embedDim: number;
  /** The weight [embedDim, featDim], row-major, then the bias [embedDim]. */
  params: Float32Array;
}

export const headSize = ({ featDim, embedDim }: Pick<Head, 'featDim' | 'embedDim'>): number => embedDim * (featDim + 1);

/** `info.head`'s places as byte ranges, in the order of `Head.params`. */
function rangesOf({ head }: WebModelInfo): { offset: number; bytes: number }[] {
  return [head.weight, head.bias].map(({ offset, shape }) => ({
    offset,
    bytes: 4 * (shape as number[]).reduce((product, n) => product * n, 1),
  }));
}

/** Copies what `chunks` have of [start, end) of a file; the first chunk begins at `position`. @returns bytes copied */
async function copyRange(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  position: number,
  start: number,
  out: Uint8Array,
): Promise<number> {
  const end = start + out.length;
  while (position < end) {
    const { done, value } = await reader.read();
    if (done) break;
    const from = Math.max(start - position, 0);
    const part = value.subarray(from, Math.max(end - position, from));
    if (part.length > 0) out.set(part, position + from - start);
    position += value.length;
  }
  await reader.cancel();
  return Math.max(Math.min(position, end) - start, 0);
}

/**
 * Fetches the head alone out of the weights file where the server gives ranges, else reads the file up to it.
 *
 * @param url the file that `info.head` has its offsets in
 * @throws DwsWebError `network` when it can't be fetched, `bad-model` when it is shorter than `info` says; the signal's reason
 */
export async function fetchHead(
  url: string | URL,
  info: WebModelInfo,
  { signal }: { signal?: AbortSignal } = {},
): Promise<Head> {
  const ranges = rangesOf(info);
  const start = ranges.reduce((least, { offset }) => Math.min(least, offset), Infinity);
  const end = ranges.reduce((most, { offset, bytes }) => Math.max(most, offset + bytes), 0);
  const between = new Uint8Array(end - start);
  let copied: number;
  try {
    const response = await fetch(url, { signal, headers: { Range: `bytes=${start}-${end - 1}` } });
    if (!response.ok || !response.body) throw new Error(`the server answers ${response.status}`);
    copied = await copyRange(response.body.getReader(), response.status === 206 ? start : 0, start, between);
  } catch (error) {
    signal?.throwIfAborted();
    const reason = error instanceof Error ? error.message : String(error);
    throw new DwsWebError('network', `The model's weights can't be fetched: ${reason}.`, { cause: error });
  }
  if (copied < between.length) {
    throw new DwsWebError('bad-model', `The model's weights are cut short: ${url} ends before byte ${end}.`);
  }
  const { featDim, embedDim } = info;
  const params = new Float32Array(headSize(info));
  let at = 0;
  for (const { offset, bytes } of ranges) {
    params.set(new Float32Array(between.buffer.slice(offset - start, offset - start + bytes)), at);
    at += bytes / 4;
  }
  return { featDim, embedDim, params };
}

/**
 * normalize(weight features + bias), the norm raised to 1e-12 first as in the graphs; sums in float64.
 *
 * @param features [featDim]
 * @returns [embedDim]
 */
export function applyHead({ featDim, embedDim, params }: Head, features: Float32Array): Float32Array {
  const bias = params.subarray(embedDim * featDim);
  const y = Float64Array.from(bias);
  for (let i = 0; i < embedDim; i++) {
    const row = params.subarray(i * featDim, (i + 1) * featDim);
    for (let j = 0; j < featDim; j++) y[i]! += row[j]! * features[j]!;
  }
  const norm = Math.max(Math.hypot(...y), 1e-12);
  return Float32Array.from(y, (value) => value / norm);
}
