/** Features of images that a frozen backbone gives: computed once, since they are the same in every step. */
import type { NetworkOptions } from '../../graph/options.js';
import type { ComputeThread } from '../compute/thread.js';
import type { ImageLoader } from '../data/loader.js';
import type { ImageSource } from '../data/prefetch.js';
import { defaultEvalBatch, NotFiniteError } from '../evaluation/embed-on.js';

export interface FeatureJob {
  network: NetworkOptions;
  loader: Pick<ImageLoader, 'decode'>;
  paths: readonly string[];
  /** Whether mirror images are wanted too. */
  mirrored: boolean;
}

export interface FeatureHooks {
  onProgress: (done: number, total: number) => void;
  signal: AbortSignal;
}

const sides = (mirrored: boolean): readonly number[] => (mirrored ? [0, 1] : [0]);

export class FrozenFeatures implements ImageSource {
  readonly imageBytes: number;
  private readonly rows: ReadonlyMap<string, number>;

  private constructor(
    private readonly network: NetworkOptions,
    private readonly paths: readonly string[],
    /** [paths, featDim]; of the images, then of their mirror images. */
    private readonly features: readonly Float32Array[],
  ) {
    this.imageBytes = 4 * network.featDim;
    this.rows = new Map(paths.map((path, i) => [path, i]));
  }

  /**
   * Runs the backbone with the state that the thread holds, in batches that depend on nothing but the list: so do their last bits.
   *
   * @throws NotFiniteError; the signal's reason when it is aborted
   */
  static async compute(
    thread: ComputeThread,
    { network, loader, paths, mirrored }: FeatureJob,
    { onProgress, signal }: FeatureHooks,
  ): Promise<FrozenFeatures> {
    const { imageSize, featDim } = network;
    const features = sides(mirrored).map(() => new Float32Array(paths.length * featDim));
    const batches = sides(mirrored).flatMap((side) =>
      Array.from({ length: Math.ceil(paths.length / defaultEvalBatch) }, (_, i) => ({
        side,
        first: i * defaultEvalBatch,
      })),
    );
    const decode = ({ side, first }: { side: number; first: number }) => {
      const some = paths.slice(first, first + defaultEvalBatch);
      const images = loader.decode(some, new Uint8Array(some.length).fill(side));
      // Reported when its turn comes.
      images.catch(() => undefined);
      return images;
    };
    const total = features.length * paths.length;
    await thread.open('features_model', network);
    try {
      let next = batches[0] && decode(batches[0]);
      for (const [i, { side, first }] of batches.entries()) {
        signal.throwIfAborted();
        const data = await next!;
        next = batches[i + 1] && decode(batches[i + 1]!);
        const images = { data, dims: [data.length / (imageSize ** 2 * 3), imageSize, imageSize, 3] };
        const { outputs } = await thread.run('features_model', { images }, [data.buffer]);
        features[side]!.set(outputs['features']!.data, first * featDim);
        onProgress(Math.min((i + 1) * defaultEvalBatch, total), total);
      }
    } finally {
      await thread.release('features_model');
    }
    if (!features.every((all) => all.every(Number.isFinite)))
      throw new NotFiniteError('the backbone gives features that are not finite');
    return new FrozenFeatures(network, paths, features);
  }

  decode(paths: readonly string[], flips: ArrayLike<number>): Promise<Float32Array> {
    const { featDim } = this.network;
    const out = new Float32Array(paths.length * featDim);
    paths.forEach((path, i) => {
      const row = this.rows.get(path)! * featDim;
      out.set(this.features[flips[i]!]!.subarray(row, row + featDim), i * featDim);
    });
    return Promise.resolve(out);
  }

  /** All images by the present head, [paths, embedDim]. @throws NotFiniteError */
  async embed(thread: ComputeThread): Promise<Float32Array> {
    const { featDim, embedDim } = this.network;
    const count = this.paths.length;
    const embeddings = new Float32Array(count * embedDim);
    await thread.open('head_model', this.network);
    try {
      const step = 4096;
      for (let first = 0; first < count; first += step) {
        const data = this.features[0]!.slice(first * featDim, (first + step) * featDim);
        const features = { data, dims: [data.length / featDim, featDim] };
        const { outputs } = await thread.run('head_model', { features }, [data.buffer]);
        embeddings.set(outputs['embeddings']!.data, first * embedDim);
      }
    } finally {
      await thread.release('head_model');
    }
    if (!embeddings.every(Number.isFinite)) throw new NotFiniteError();
    return embeddings;
  }
}
