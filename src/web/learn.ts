/**
 * Teaches a model in the browser: its embedding head learns from a few labelled images, by the very training step that
 * `dws train` runs (distance-weighted sampling, margin loss, Adam), without the backbone.
 *
 * @packageDocumentation
 */
import type * as Ort from 'onnxruntime-web';
import type { HeadTrainingOptions } from '../graph/artifacts/head-training.js';
import { buildHeadTrainLoop, headStateTensors, initialHeadState } from '../graph/artifacts/head-training.js';
import type { WebModelInfo } from '../graph/artifacts/web-model.js';
import { DwsWebError, reasonOf } from './errors.js';
import type { Batches } from './learn-batches.js';
import { batchShapeFor, drawBatches } from './learn-batches.js';
import type { Head } from './learn-head.js';
import { applyHead, fetchHead, headSize } from './learn-head.js';
import type { Runtime, RuntimeOptions } from './runtime.js';
import { openRuntime } from './runtime.js';

export type { ModelOfHead } from './learn-file.js';
export { loadHead, saveHead } from './learn-file.js';
export { GalleryFeatures, LearnedGallery } from './learn-gallery.js';
export type { Head } from './learn-head.js';
export { applyHead } from './learn-head.js';

export interface HeadTrainerOptions extends Pick<RuntimeOptions, 'wasmPaths'> {
  /** Learning rate of Adam. Default: 3e-4. */
  lr?: number;
  /** Learning rate of each class's beta, the boundary between positives and negatives; 0 keeps it. Default: 0.1. */
  lrBeta?: number;
  /** Same seed, same examples: same training. Default: 0. */
  seed?: number;
}

export interface TrainOptions {
  /** Default: 200. */
  steps?: number;
  /** Called after each step in order; `step` counts from 1 since the start or the last `reset`. */
  onStep?: (loss: number, step: number) => void;
  /** Stops between runs of some steps; what was learned till then stays. */
  signal?: AbortSignal;
}

/** The defaults of `dws train`. */
const fixed = {
  margin: 0.2,
  nu: 0,
  normalizeWeights: false,
  optimizer: 'adam',
  momentum: 0,
  weightDecay: 1e-4,
} as const;
const initialBeta = 1.2;

/** Steps a run: the page gets its turn between runs. */
const stepsPerRun = 10;

interface Example {
  label: string;
  features: Float32Array;
}

/** A session for one number of classes and shape of batches, and the state that it moves. */
interface Training {
  options: HeadTrainingOptions;
  runtime: Runtime;
  session: Ort.InferenceSession;
  state: Record<string, Ort.Tensor>;
}

const sameOptions = (a: HeadTrainingOptions, b: HeadTrainingOptions): boolean =>
  JSON.stringify(a) === JSON.stringify(b);

/** Lets the page draw and answer. */
const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

/**
 * A head that learns. Not for two trainings at once.
 *
 * ```ts
 * const trainer = await HeadTrainer.load(`${url}/${model.info.head.weights}`, model.info);
 * trainer.addExample('cup', (await model.features(image)).features);
 * await trainer.train({ steps: 200, onStep: (loss) => console.log(loss) });
 * const embedding = trainer.apply((await model.features(other)).features);
 * ```
 */
export class HeadTrainer {
  private readonly examples: Example[] = [];
  private readonly options: Required<Omit<HeadTrainerOptions, 'wasmPaths'>> & HeadTrainerOptions;
  private current: Head;
  private training: Training | undefined;
  private stepsDone = 0;
  private isTraining = false;
  private isDisposed = false;

  /**
   * @param start the head to start from; copied when it changes
   * @throws Error when `start.params` does not have the length that its dimensions say
   */
  constructor(
    private readonly start: Head,
    { lr = 3e-4, lrBeta = 0.1, seed = 0, wasmPaths }: HeadTrainerOptions = {},
  ) {
    if (start.params.length !== headSize(start)) {
      throw new Error(
        `a head of ${start.featDim} x ${start.embedDim} has ${headSize(start)} values, not ${start.params.length}`,
      );
    }
    this.options = { lr, lrBeta, seed, wasmPaths };
    this.current = start;
  }

  /**
   * Starts from the head of a shipped model.
   *
   * @param url the file `info.head.weights`
   * @throws DwsWebError `network` or `bad-model`; the signal's reason
   */
  static async load(
    url: string | URL,
    info: WebModelInfo,
    { signal, ...options }: HeadTrainerOptions & { signal?: AbortSignal } = {},
  ): Promise<HeadTrainer> {
    return new HeadTrainer(await fetchHead(url, info, { signal }), options);
  }

  /**
   * @param features [featDim], of `EmbeddingModel.features`; not copied
   * @throws DwsWebError `bad-example` when they do not fit the head
   */
  addExample(label: string, features: Float32Array): void {
    const { featDim } = this.start;
    if (features.length !== featDim) {
      throw new DwsWebError(
        'bad-example',
        `An example has ${features.length} features, this model’s head takes ${featDim}.`,
      );
    }
    if (!features.every(Number.isFinite)) {
      throw new DwsWebError('bad-example', 'An example has features that are not finite numbers.');
    }
    this.examples.push({ label, features });
  }

  /** Forgets the examples; what was learned from them stays. */
  clearExamples(): void {
    this.examples.length = 0;
  }

  /** The head as it is now: for `saveHead`, `GalleryFeatures.embed`, or another trainer to start from. It does not change any more. */
  get head(): Head {
    return this.current;
  }

  /** Embedding of `features` [featDim] by the head as it is now: [embedDim], L2-normalized. */
  apply(features: Float32Array): Float32Array {
    return applyHead(this.current, features);
  }

  /**
   * Takes some more steps from where the head is. Batches hold all classes (16 at most) and as many images of each, up to 5, as the
   * largest class has; images of smaller classes come more than once.
   *
   * @returns the loss of each step
   * @throws DwsWebError `too-few-examples` unless there are two labels or more with two examples or more each; `diverged` when
   *   a loss is not finite; the signal's reason
   */
  async train({ steps = 200, onStep, signal }: TrainOptions = {}): Promise<number[]> {
    if (this.isDisposed) throw new Error('this HeadTrainer is disposed');
    if (this.isTraining) throw new Error('this HeadTrainer is training already');
    signal?.throwIfAborted();
    const groups = this.groups();
    const examples = this.examples.map(({ features }) => features);
    this.isTraining = true;
    const losses: number[] = [];
    try {
      const training = await this.prepare(groups);
      const features = this.matrix(training, examples);
      while (losses.length < steps) {
        signal?.throwIfAborted();
        const count = Math.min(stepsPerRun, steps - losses.length);
        for (const loss of await this.run(training, groups, features, count)) {
          losses.push(loss);
          this.stepsDone++;
          onStep?.(loss, this.stepsDone);
        }
        await pause();
      }
      return losses;
    } finally {
      this.isTraining = false;
      if (this.isDisposed) await this.release();
    }
  }

  /** Goes back to the head that it started from; the examples stay. @throws Error while it trains */
  reset(): void {
    if (this.isTraining) throw new Error('this HeadTrainer is training: abort it first');
    this.current = this.start;
    this.stepsDone = 0;
    if (this.training) this.training.state = this.initialState(this.training);
  }

  /** Frees the session; a training under way ends with an AbortError after its run. `apply` goes on to work. */
  async dispose(): Promise<void> {
    this.isDisposed = true;
    if (!this.isTraining) await this.release();
  }

  private async release(): Promise<void> {
    const { training } = this;
    this.training = undefined;
    await training?.runtime.exclusively(() => training.session.release());
  }

  /** Places of each label's examples. @throws DwsWebError `too-few-examples` */
  private groups(): number[][] {
    const places = new Map<string, number[]>();
    for (const [place, { label }] of this.examples.entries()) {
      places.set(label, [...(places.get(label) ?? []), place]);
    }
    if (places.size < 2) {
      throw new DwsWebError(
        'too-few-examples',
        `It takes images of two kinds or more to learn from, not ${places.size}.`,
      );
    }
    const small = [...places].find(([, group]) => group.length < 2);
    if (small) throw new DwsWebError('too-few-examples', `“${small[0]}” has one image only. Add another one.`);
    return [...places.values()];
  }

  private matrix({ runtime }: Training, examples: readonly Float32Array[]): Ort.Tensor {
    const { featDim } = this.start;
    const data = new Float32Array(examples.length * featDim);
    examples.forEach((features, i) => data.set(features, i * featDim));
    return new runtime.ort.Tensor('float32', data, [examples.length, featDim]);
  }

  /** The session for these classes; another number of them or another batch starts with a fresh optimizer. */
  private async prepare(groups: readonly number[][]): Promise<Training> {
    const { featDim, embedDim } = this.start;
    const options: HeadTrainingOptions = {
      ...fixed,
      ...batchShapeFor(groups),
      featDim,
      embedDim,
      classes: groups.length,
      learnBeta: this.options.lrBeta > 0,
    };
    if (this.training && sameOptions(this.training.options, options)) return this.training;
    await this.release();
    const runtime = await openRuntime('wasm', { wasmPaths: this.options.wasmPaths });
    const session = await openSession(runtime, buildHeadTrainLoop(options));
    const training = { options, runtime, session };
    this.training = { ...training, state: this.initialState(training) };
    return this.training;
  }

  private initialState({ options, runtime }: Omit<Training, 'state' | 'session'>): Record<string, Ort.Tensor> {
    const state = initialHeadState(options, this.current.params, initialBeta);
    return Object.fromEntries(
      headStateTensors(options).map(({ name, shape }) => [
        name,
        new runtime.ort.Tensor('float32', state[name]!, shape),
      ]),
    );
  }

  /** One run of `steps` steps. @returns their losses */
  private async run(
    training: Training,
    groups: number[][],
    features: Ort.Tensor,
    steps: number,
  ): Promise<Float32Array> {
    const { lr, lrBeta, seed } = this.options;
    const batches = drawBatches(groups, training.options, { seed, first: this.stepsDone, steps });
    const feeds = batchTensors(training, batches, steps, { lr, lr_beta: lrBeta });
    const out = await training.runtime.exclusively(() =>
      training.session.run({ ...training.state, ...feeds, features }),
    );
    const losses = out['losses']!.data as Float32Array;
    if (!losses.every(Number.isFinite)) {
      throw new DwsWebError(
        'diverged',
        `The training lost its way after ${this.stepsDone} steps. Lower the learning rate.`,
      );
    }
    for (const name of Object.keys(training.state)) training.state[name] = out[`${name}_out`]!;
    this.current = { ...this.start, params: training.state['params']!.data as Float32Array };
    if (this.isDisposed) throw new DOMException('the HeadTrainer was disposed', 'AbortError');
    return losses;
  }
}

/** Memory patterns double what a Loop takes. */
async function openSession({ ort, exclusively }: Runtime, model: Uint8Array): Promise<Ort.InferenceSession> {
  const options = { executionProviders: ['wasm'], enableMemPattern: false };
  try {
    return await exclusively(() => ort.InferenceSession.create(model, options));
  } catch (error) {
    throw new DwsWebError('run-failed', `ONNX Runtime can't start the training: ${reasonOf(error)}.`, { cause: error });
  }
}

function batchTensors(
  { options: { batchSize, batchK }, runtime: { ort } }: Training,
  { indices, labels, uniforms }: Batches,
  steps: number,
  rates: Record<string, number>,
): Record<string, Ort.Tensor> {
  const perStep = Object.entries(rates).map(
    ([name, rate]) => [name, new ort.Tensor('float32', new Float32Array(steps).fill(rate), [steps])] as const,
  );
  return {
    indices: new ort.Tensor('int32', indices, [steps, batchSize]),
    labels: new ort.Tensor('int32', labels, [steps, batchSize]),
    uniforms: new ort.Tensor('float32', uniforms, [steps, batchSize, batchK - 1]),
    ...Object.fromEntries(perStep),
  };
}
