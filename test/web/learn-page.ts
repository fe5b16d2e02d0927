/** What learn.test.ts runs in a browser. */
import { env, InferenceSession, Tensor } from 'onnxruntime-web/wasm';
import type { HeadTrainingOptions } from '../../src/graph/artifacts/head-training.js';
import { buildHeadGradientModel } from '../../src/graph/artifacts/head-training.js';
import { HeadTrainer } from '../../src/web/learn.js';

env.wasm.wasmPaths = '/ort/';

/** Typed arrays do not cross to the test and back. */
export type Numbers = number[];

export interface GradientFeeds {
  features: Numbers;
  labels: Numbers;
  uniforms: Numbers;
  params: Numbers;
  beta: Numbers;
}

export interface Taught {
  head: { featDim: number; embedDim: number; params: Numbers };
  examples: { label: string; features: Numbers }[];
}

let trainer: HeadTrainer;

const page = {
  async gradient(options: HeadTrainingOptions, feeds: GradientFeeds): Promise<Record<string, Numbers>> {
    const { batchSize, batchK, featDim, classes } = options;
    const session = await InferenceSession.create(buildHeadGradientModel(options), { executionProviders: ['wasm'] });
    const floats = (values: Numbers, dims: number[]) => new Tensor('float32', Float32Array.from(values), dims);
    const out = await session.run({
      features: floats(feeds.features, [batchSize, featDim]),
      labels: new Tensor('int32', Int32Array.from(feeds.labels), [batchSize]),
      uniforms: floats(feeds.uniforms, [batchSize, batchK - 1]),
      params: floats(feeds.params, [feeds.params.length]),
      beta: floats(feeds.beta, [classes]),
    });
    await session.release();
    return Object.fromEntries(
      Object.entries(out).map(([name, { data }]) => [name, Array.from(data as Float32Array)] as const),
    );
  },
  teach({ head, examples }: Taught): void {
    trainer = new HeadTrainer({ ...head, params: Float32Array.from(head.params) }, { wasmPaths: '/ort/' });
    for (const { label, features } of examples) trainer.addExample(label, Float32Array.from(features));
  },
  train: (steps: number): Promise<Numbers> => trainer.train({ steps }),
  apply: (features: Numbers): Numbers => Array.from(trainer.apply(Float32Array.from(features))),
  reset: (): void => trainer.reset(),
  dispose: (): Promise<void> => trainer.dispose(),
};

export type LearnPage = typeof page;

Object.assign(globalThis, { page });
