/** What each form of a shipped model is worth, by running its graph on the images that a training was validated with. */
import path from 'node:path';
import ort from 'onnxruntime-node';
import type { InferenceSession } from 'onnxruntime-node';
import type { WebVariant } from '../../graph/artifacts/web-model.js';
import type { ImageSet } from '../data/folder.js';
import { NotFiniteError } from '../evaluation/embed-on.js';
import { ComputeThread } from '../compute/thread.js';
import { searchSets } from '../data/search-sets.js';
import { openSession } from '../compute/session.js';
import { recallKs, scoreQueries } from '../evaluation/recall.js';
import type { Recall } from '../evaluation/retrieval-metrics.js';
import type { SearchHooks } from '../evaluation/neighbors.js';
import type { Pixels } from './pixels.js';
import { decodeWhole } from './pixels.js';

export interface Measured {
  /** Recall@k of the first variant. */
  recall: Recall;
  /** Cosine to the first variant's embeddings and Recall@1, in the variants' order. */
  variants: Required<Pick<WebVariant, 'cosine' | 'recallAt1'>>[];
}

async function embed(session: InferenceSession, { data, width, height }: Pixels): Promise<Float32Array> {
  const image = new ort.Tensor('uint8', data, [1, height, width, 3]);
  const { embeddings } = await session.run({ image }, ['embeddings']);
  return embeddings!.data as Float32Array;
}

/** Runs a graph on every image, decoded at its own size. @returns [images, dim] */
async function embedAll(
  session: InferenceSession,
  paths: readonly string[],
  dim: number,
  { onProgress, signal }: SearchHooks,
): Promise<Float32Array> {
  const embeddings = new Float32Array(paths.length * dim);
  const decode = (index: number) => {
    const pixels = decodeWhole(paths[index]!);
    // Reported when its turn comes.
    pixels.catch(() => undefined);
    return pixels;
  };
  let next = decode(0);
  for (let i = 0; i < paths.length; i++) {
    signal?.throwIfAborted();
    const pixels = await next;
    if (i + 1 < paths.length) next = decode(i + 1);
    embeddings.set(await embed(session, pixels), i * dim);
    onProgress?.(i + 1, paths.length);
  }
  return embeddings;
}

function cosines(a: Float32Array, b: Float32Array, dim: number): { mean: number; lowest: number } {
  const rows = a.length / dim;
  let [sum, lowest] = [0, 1];
  for (let row = 0; row < rows; row++) {
    let [ab, aa, bb] = [0, 0, 0];
    for (let i = row * dim; i < (row + 1) * dim; i++) {
      ab += a[i]! * b[i]!;
      aa += a[i]! ** 2;
      bb += b[i]! ** 2;
    }
    const cosine = ab / Math.sqrt(aa * bb);
    sum += cosine;
    lowest = Math.min(lowest, cosine);
  }
  return { mean: sum / rows, lowest };
}

/**
 * Measures variants of a model on a set of images, the queries against the gallery.
 *
 * @param folder the shipped folder
 * @param dim length of an embedding
 * @param threads of ONNX Runtime
 * @throws NotFiniteError; BadImageError; the signal's reason when it is aborted
 */
export async function measureVariants(
  folder: string,
  variants: readonly WebVariant[],
  set: ImageSet,
  { dim, threads }: { dim: number; threads: number },
  hooks: SearchHooks,
): Promise<Measured> {
  const cpu = { device: 'cpu', deviceId: 0, threads } as const;
  const paths = set.images.map((image) => image.path);
  const labels = Int32Array.from(set.images, ({ label }) => label);
  const embeddings: Float32Array[] = [];
  for (const [i, { name, graph }] of variants.entries()) {
    const session = await openSession(path.join(folder, graph), cpu);
    const onProgress = (done: number, total: number) => hooks.onProgress?.(i * total + done, variants.length * total);
    try {
      embeddings.push(await embedAll(session, paths, dim, { signal: hooks.signal, onProgress }));
    } finally {
      await session.release();
    }
    if (!embeddings[i]!.every(Number.isFinite)) {
      throw new NotFiniteError(`the ${name} model gives embeddings that are not finite.`);
    }
  }
  const recalls: Recall[] = [];
  const thread = new ComputeThread(cpu);
  try {
    const options = { sets: searchSets(set), ks: recallKs };
    for (const values of embeddings) {
      recalls.push((await scoreQueries(thread, { embeddings: values, dim }, labels, options)).recall());
    }
  } finally {
    await thread.close();
  }
  const measured = embeddings.map((values, i) => ({
    cosine: cosines(embeddings[0]!, values, dim),
    recallAt1: recalls[i]![1]!,
  }));
  return { recall: recalls[0]!, variants: measured };
}
