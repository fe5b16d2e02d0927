/** What `npm run bench -- learn` runs in a browser. */
import type * as Ort from 'onnxruntime-web';
import type { HeadTrainingOptions } from '../../src/graph/artifacts/head-training.js';
import { buildHeadGradientModel } from '../../src/graph/artifacts/head-training.js';
import { EmbeddingModel } from '../../src/web/index.js';
import { fetchHead } from '../../src/web/learn-head.js';
import { nearest, nearestOthers } from '../../src/web/learn-neighbors.js';
import { HeadTrainer } from '../../src/web/learn.js';
import { openRuntime } from '../../src/web/runtime.js';

const webUrl = '/web/';
const wasmPaths = '/ort/';

/** An image, its class, and whether it is learned from. */
export interface TaskImage {
  url: string;
  label: string;
  isTaught: boolean;
}

export interface TaskResult {
  /** Shares before and after: taught images whose nearest other one is of their class, new ones whose nearest taught one is. */
  taught: [number, number];
  fresh: [number, number];
  losses: number[];
  milliseconds: number;
}

type Seen = Awaited<ReturnType<EmbeddingModel['features']>>;
type Example = Seen & Pick<TaskImage, 'label'>;

let model: EmbeddingModel;
let trainer: HeadTrainer;
const seen = new Map<string, Seen>();

const headUrl = () => new URL(model.info.head.weights, new URL(webUrl, location.href));

async function see({ url, label }: TaskImage): Promise<Example> {
  const found = seen.get(url) ?? (await model.features(url));
  seen.set(url, found);
  return { ...found, label };
}

const share = (of: readonly boolean[]): number => of.filter(Boolean).length / of.length;

/** Both shares with the head as it is. */
function scores(taught: readonly Example[], fresh: readonly Example[]): [number, number] {
  const embeddings = taught.map(({ features }) => trainer.apply(features));
  const others = nearestOthers(embeddings).map(({ index }, i) => taught[index]!.label === taught[i]!.label);
  const news = fresh.map(({ features, label }) => {
    return taught[nearest(trainer.apply(features), embeddings)!.index]!.label === label;
  });
  return [share(others), share(news)];
}

const page = {
  async load(): Promise<{ featDim: number; embedDim: number; params: number[] }> {
    model = await EmbeddingModel.load(webUrl, { wasmPaths, threads: 1 });
    trainer = await HeadTrainer.load(headUrl(), model.info, { wasmPaths });
    const head = await fetchHead(headUrl(), model.info);
    return { ...head, params: Array.from(head.params) };
  },
  features: async (images: readonly TaskImage[]): Promise<number[][]> => {
    const rows: number[][] = [];
    for (const image of images) rows.push(Array.from((await see(image)).features));
    return rows;
  },
  /** @returns the gradient of one batch */
  async gradient(options: HeadTrainingOptions, feeds: Record<string, { data: number[]; dims: number[] }>) {
    const { ort } = await openRuntime('wasm', { wasmPaths });
    const session = await ort.InferenceSession.create(buildHeadGradientModel(options));
    const tensors = Object.entries(feeds).map(([name, { data, dims }]) => {
      if (name === 'labels') return [name, new ort.Tensor('int32', Int32Array.from(data), dims)];
      return [name, new ort.Tensor('float32', Float32Array.from(data), dims)];
    });
    const out = await session.run(Object.fromEntries(tensors) as Record<string, Ort.Tensor>);
    await session.release();
    return Array.from(out['gradients']!.data as Float32Array);
  },
  async run(images: readonly TaskImage[], steps: number): Promise<TaskResult> {
    const examples: (Example & { isTaught: boolean })[] = [];
    for (const image of images) examples.push({ ...(await see(image)), ...image });
    const taught = examples.filter(({ isTaught }) => isTaught);
    const fresh = examples.filter(({ isTaught }) => !isTaught);
    trainer.reset();
    trainer.clearExamples();
    for (const { label, features } of taught) trainer.addExample(label, features);
    const before = scores(taught, fresh);
    const begun = performance.now();
    const losses = await trainer.train({ steps });
    const milliseconds = performance.now() - begun;
    const after = scores(taught, fresh);
    return { taught: [before[0], after[0]], fresh: [before[1], after[1]], losses, milliseconds };
  },
  /** Goes on with the last task. */
  train: (steps: number): Promise<number[]> => trainer.train({ steps }),
};

export type LearnBenchPage = typeof page;

Object.assign(globalThis, { page });
