/** The worker that holds the model: answers requests in the order they come. */
import { DwsWebError, EmbeddingModel, readImage } from 'dws/web';
import type { Answer, Calls, Failure, Kind, Request } from './protocol.js';

const say = (answer: Answer): void => postMessage(answer);

let model: EmbeddingModel | undefined;

/** Runs the model once, so that a device that can't is found now, and shaders are compiled before the first image. */
const warmUp = (loaded: EmbeddingModel): Promise<unknown> => loaded.features(new ImageData(64, 64));

const calls: { [K in Kind]: (ask: Calls[K]['ask']) => Promise<Calls[K]['give']> } = {
  async load({ url, ...options }) {
    model = await EmbeddingModel.load(url, { ...options, onProgress: (progress) => say({ progress }) });
    await warmUp(model);
    const { info, device, threads, threadLimit } = model;
    return { info, device, threads, threadLimit };
  },
  async features({ image }) {
    const begun = performance.now();
    const pixels = await readImage(image);
    const decoded = performance.now();
    const { embedding, features } = await model!.features(pixels);
    return { embedding, features, decode: decoded - begun, embed: performance.now() - decoded };
  },
};

function failureOf(error: unknown): Failure {
  if (error instanceof DwsWebError) return { code: error.code, message: error.message };
  return { message: error instanceof Error ? error.message : String(error) };
}

/** One after the other: ONNX Runtime's sessions run one input at a time. */
let last: Promise<void> = Promise.resolve();

addEventListener('message', ({ data: { id, kind, ask } }: MessageEvent<Request>) => {
  last = last
    .then((): Promise<Calls[Kind]['give']> => calls[kind](ask as never))
    .then(
      (give) => say({ id, give }),
      (error: unknown) => say({ id, failure: failureOf(error) }),
    );
});
