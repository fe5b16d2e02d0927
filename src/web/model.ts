/** The trained model in a page: images in, embeddings out. */
import type { InferenceSession } from 'onnxruntime-web';
import type { WebModelInfo, WebVariant, WebVariantName } from '../graph/artifacts/web-model.js';
import { webModelFile } from '../graph/artifacts/web-model.js';
import { DwsWebError, printable, reasonOf } from './errors.js';
import type { ImageSource, Pixels } from './images.js';
import { readImage } from './images.js';
import type { LoadHooks } from './load.js';
import { folderUrl, loadBytes, unlessAborted } from './load.js';
import { loadInfo, variantOf } from './model-info.js';
import type { Device, Runtime, RuntimeOptions } from './runtime.js';
import { openRuntime, requireWebGpu, threadLimit } from './runtime.js';

export interface LoadOptions extends RuntimeOptions, LoadHooks {
  /** Default: `wasm`. `webgpu` is never replaced by it: where there is none, loading fails with `no-webgpu`. */
  device?: Device;
  /** One of `info.variants`. Default: `fp32`. */
  variant?: WebVariantName;
}

export interface Features {
  /** [embedDim], L2-normalized. */
  embedding: Float32Array;
  /** [featDim], what the backbone gives: what a new head learns from. */
  features: Float32Array;
}

/** Graph and weights, whole; the small graph first, so that nothing large is fetched for a folder that lacks it. */
async function loadParts(folder: URL, { graph, weights, bytes, name }: WebVariant, hooks: LoadHooks) {
  const by = `${webModelFile} says of ${name}; copy the folder to the server again, whole`;
  const first = await loadBytes(folder, graph, { bytes, code: 'bad-model', by }, hooks);
  const rest = { bytes: bytes - first.length, code: 'bad-model', by } as const;
  const parts = [first, await loadBytes(folder, weights, rest, hooks)] as const;
  const loaded = parts[0].length + parts[1].length;
  if (loaded === bytes) return parts;
  throw new DwsWebError(
    'bad-model',
    `The model's files are damaged or of different exports: ${printable(graph)} and ${printable(weights)} have ${loaded} bytes, ${webModelFile} says ` +
      `${bytes} for ${name}. Copy the folder to the server again, whole.`,
  );
}

/** What ONNX Runtime says when it can't begin with a device. */
const isNotStarted = (error: unknown): boolean => /no available backend found/.test(reasonOf(error));

async function openSession(
  { ort, exclusively }: Runtime,
  device: Device,
  [graph, data]: readonly Uint8Array[],
  weights: string,
): Promise<InferenceSession> {
  const path = weights.slice(weights.lastIndexOf('/') + 1);
  const options: InferenceSession.SessionOptions = {
    executionProviders: [device],
    externalData: [{ path, data: data! }],
    // Its warnings, such as that shapes are computed on the CPU, tell people nothing.
    logSeverityLevel: 3,
  };
  try {
    return await exclusively(() => ort.InferenceSession.create(graph!, options));
  } catch (cause) {
    if (isNotStarted(cause)) {
      throw new DwsWebError(
        'no-webgpu',
        `ONNX Runtime can't be started on ${device}: ${reasonOf(cause)}. Use WebAssembly (device: 'wasm') instead.`,
        { cause },
      );
    }
    throw new DwsWebError('bad-model', `ONNX Runtime can't open the model on ${device}: ${reasonOf(cause)}`, { cause });
  }
}

/**
 * A model of `dws export --web`.
 *
 * ```ts
 * const model = await EmbeddingModel.load('/models/icons/', { device: 'webgpu', onProgress: console.log });
 * const embedding = await model.embed(file);
 * ```
 */
export class EmbeddingModel {
  private constructor(
    /** What the folder says of the model. */
    readonly info: WebModelInfo,
    readonly device: Device,
    /** The form that was loaded. */
    readonly variant: WebVariantName,
    /** Threads of WebAssembly that it runs on. */
    readonly threads: number,
    /** Why it has fewer threads than were asked for, or than the default; undefined when it has them. */
    readonly threadLimit: string | undefined,
    private readonly runtime: Runtime,
    private session: InferenceSession | undefined,
  ) {}

  /**
   * Fetches a model and makes it ready.
   *
   * Some browsers (Firefox, now and then) never end to start ONNX Runtime with two threads or more. A start may take 20 s from when its
   * files are there; then another one with one thread is begun, and `threadLimit` says so. That takes a whole copy of ONNX Runtime in
   * `wasmPaths`, since a page or worker cannot load again what a bundler has put into it; without, loading fails with `start-timeout`:
   * load the model with `threads: 1` in a new worker then. Where a bundler places ONNX Runtime's files (no `wasmPaths`), a start
   * may take 5 minutes, in which they are fetched.
   *
   * @param url the folder that `dws export --web` wrote, on any server
   * @throws DwsWebError `network` when a file can't be fetched, `bad-model` when it is not what it should be, `no-webgpu`, `blocked`
   *   when the page's Content-Security-Policy forbids WebAssembly or a file, `start-timeout`; the signal's reason when it is aborted
   */
  static async load(
    url: string | URL,
    { device = 'wasm', variant = 'fp32', onProgress, signal, ...runtimeOptions }: LoadOptions = {},
  ): Promise<EmbeddingModel> {
    const hooks = { onProgress, signal };
    const folder = folderUrl(url);
    if (device === 'webgpu') await requireWebGpu();
    const [info, runtime] = await Promise.all([
      loadInfo(folder, { signal }),
      unlessAborted(openRuntime(device, runtimeOptions), signal),
    ]);
    const chosen = variantOf(info, variant);
    const parts = await loadParts(folder, chosen, hooks);
    const session = await openSession(runtime, device, parts, chosen.weights);
    const limit = threadLimit(runtime, runtimeOptions.threads);
    return new EmbeddingModel(info, device, variant, runtime.threads, limit, runtime, session);
  }

  /**
   * Embeds an image as the training prepared it: the same numbers as `dws embed`.
   *
   * @returns [embedDim], L2-normalized
   * @throws DwsWebError those of `readImage`; `run-failed` when the device gives up, for example for want of memory
   */
  async embed(image: ImageSource): Promise<Float32Array> {
    return (await this.features(image)).embedding;
  }

  /** Embeds images in turn, the next one decoded meanwhile. @throws DwsWebError as `embed`, for the first that fails */
  async embedBatch(images: readonly ImageSource[]): Promise<Float32Array[]> {
    const embeddings: Float32Array[] = [];
    const decode = (index: number) => {
      const pixels = index < images.length ? readImage(images[index]!) : undefined;
      // Reported when its turn comes.
      pixels?.catch(() => undefined);
      return pixels;
    };
    let next = decode(0);
    for (let i = 0; i < images.length; i++) {
      const pixels = await next!;
      next = decode(i + 1);
      embeddings.push((await this.run(pixels)).embedding);
    }
    return embeddings;
  }

  /** @throws DwsWebError as `embed` */
  async features(image: ImageSource): Promise<Features> {
    return this.run(await readImage(image));
  }

  /** Frees the model's memory. Not for use afterwards. */
  async dispose(): Promise<void> {
    const { session } = this;
    this.session = undefined;
    if (session) await this.runtime.exclusively(() => session.release());
  }

  private async run({ data, width, height }: Pixels): Promise<Features> {
    const { Tensor } = this.runtime.ort;
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.length);
    const image = new Tensor('uint8', bytes, [1, height, width, 4]);
    const outputs = await this.runtime.exclusively(async () => {
      if (!this.session) throw new Error('this EmbeddingModel was disposed');
      return this.session.run({ image }).catch((cause: unknown) => {
        throw new DwsWebError(
          'run-failed',
          `The model failed on ${this.device} for an image of ${width} x ${height}: ${reasonOf(cause)}`,
          { cause },
        );
      });
    });
    const valuesOf = (name: string) => outputs[name]!.data as Float32Array;
    return { embedding: valuesOf('embeddings'), features: valuesOf('features') };
  }
}
