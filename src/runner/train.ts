/** The training run: steps in ONNX Runtime, evaluations, metrics and checkpoints. */
import { existsSync } from 'node:fs';
import { stateTensors } from '../graph/state.js';
import type { PlainTensors } from './compute.js';
import { BadImageError } from './data/decode.js';
import { prefetchRuns } from './data/prefetch.js';
import type { TrainingRun } from './data/prefetch.js';
import { UserError } from './errors.js';
import { NotFiniteError } from './embed.js';
import { evaluateOn } from './evaluate.js';
import type { Recall } from './retrieval.js';
import type { RunOptions } from './run-options.js';
import { learningRateAt } from './schedule.js';
import { StepsPerRun } from './steps-per-run.js';
import type { TrainHooks, TrainResult } from './train-events.js';
import { openTraining } from './train-setup.js';
import type { Closers, Position, TrainSetup } from './train-setup.js';

export type { TrainEvent, TrainHooks, TrainResult } from './train-events.js';

const heartbeatMilliseconds = 500;

/** Whether all values are finite; `every` would take seconds for a large network. */
function isFinite(values: Float32Array): boolean {
  let sum = 0;
  // x - x is 0, or NaN for what is not finite.
  for (let i = 0; i < values.length; i++) sum += values[i]! - values[i]!;
  return sum === 0;
}

const mean = (values: ArrayLike<number>): number => Array.from(values).reduce((a, b) => a + b, 0) / values.length;

function trainFeeds(run: TrainingRun, options: RunOptions, lr: number, lrBeta: number): PlainTensors {
  const { batchSize, batchK, imageSize } = options;
  const { images, labels, uniforms, dropout, steps } = run;
  const rates = (rate: number) => ({ data: new Float32Array(steps).fill(rate), dims: [steps] });
  return {
    images: { data: images, dims: [steps, batchSize, imageSize, imageSize, 3] },
    labels: { data: labels, dims: [steps, batchSize] },
    uniforms: { data: uniforms, dims: [steps, batchSize, batchK - 1] },
    dropout: { data: dropout, dims: [steps, dropout.length / steps] },
    lr: rates(lr),
    lr_beta: rates(lrBeta),
  };
}

class Training {
  private readonly position: Position;
  private readonly evaluations: { before?: Recall; last?: Recall } = {};
  private best: TrainSetup['best'];
  /** The newest checkpoint that the state can be had back from. */
  private saved: { path: string; step: number } | undefined;

  constructor(
    private readonly setup: TrainSetup,
    private readonly hooks: TrainHooks,
  ) {
    this.position = { ...setup.start };
    this.best = setup.best;
    const { resume } = setup.options;
    if (resume !== undefined) this.saved = { path: resume, step: setup.start.step };
  }

  async run(): Promise<TrainResult> {
    const { setup, hooks, position } = this;
    const { options, layout, train, skipped, stepsPerEpoch } = setup;
    const resumedFrom = options.resume === undefined ? undefined : { ...position };
    hooks.onEvent({
      kind: 'start',
      ...{ classes: train.classes.length, images: train.images.length, stepsPerEpoch, epochs: options.epochs },
      ...{ paramCount: layout.paramCount, device: options.device, resumedFrom, skipped },
    });
    if (position.epoch >= options.epochs) {
      hooks.onEvent({
        kind: 'note',
        message: `${options.resume} has finished ${position.epoch} epochs, and --epochs is ${options.epochs}: nothing is left to do`,
      });
      return this.result('done');
    }
    try {
      return this.result((await this.begin(!resumedFrom)) ? await this.steps() : 'interrupted');
    } catch (error) {
      // A file that could be read at the start and now can't: what has been trained is worth keeping.
      if (error instanceof BadImageError) await this.save(null);
      throw error;
    }
  }

  /**
   * Evaluates the untrained network, or what the run that is resumed has not evaluated.
   *
   * @returns false when interrupted
   */
  private async begin(isNew: boolean): Promise<boolean> {
    const { epoch, epochStep } = this.position;
    if (!isNew) return epochStep < this.setup.stepsPerEpoch || this.finishEpoch();
    const before = await this.evaluate(epoch - 1);
    if (before) this.evaluations.before = before;
    return before !== null;
  }

  /** Trains to the end of the last epoch. */
  private async steps(): Promise<TrainResult['status']> {
    const { options, stepsPerEpoch, plan, train, loader } = this.setup;
    const { epoch, epochStep: step } = this.position;
    const stepsPerRun = new StepsPerRun(options.batchSize * loader.imageBytes, options.stepsPerRun);
    const runs = prefetchRuns({
      ...{ plan, loader, stepsPerEpoch, epochs: options.epochs, from: { epoch, step } },
      paths: train.images.map(({ path }) => path),
      stepsInNextRun: () => stepsPerRun.next(),
      ahead: 1,
    });
    for await (const run of runs) {
      const seconds = await this.compute(run);
      stepsPerRun.measured(run.steps, seconds);
      if (this.hooks.signal.aborted) {
        await this.save(null);
        return 'interrupted';
      }
      if (this.position.epochStep === stepsPerEpoch && !(await this.finishEpoch())) return 'interrupted';
    }
    return 'done';
  }

  /** Runs some steps, and returns how many seconds they took. @throws UserError when a loss is not finite */
  private async compute(run: TrainingRun): Promise<number> {
    const { options, thread, metrics, stepsPerEpoch } = this.setup;
    const { epoch, steps: k } = run;
    const rateNow = (rate: number) => learningRateAt(rate, options.factor, options.steps, epoch);
    const [lr, lrBeta] = [rateNow(options.lr), rateNow(options.lrBeta)];
    const feeds = trainFeeds(run, options, lr, lrBeta);
    const { outputs, seconds } = await thread.run('train_loop', feeds, [run.images.buffer]);
    const [losses, pairs] = [outputs['losses']!.data, outputs['pairs']!.data];
    const bad = losses.findIndex((loss) => !Number.isFinite(loss));
    const [stepSeconds, dataSeconds] = [seconds / k, run.dataSeconds / k];
    const first = this.position.step + 1;
    await metrics.write(
      Array.from(losses.subarray(0, bad < 0 ? k : bad + 1), (loss, i) => ({
        ...{ kind: 'step', epoch, step: first + i, loss, pairs: pairs[i]!, lr, lr_beta: lrBeta },
        ...{ step_seconds: stepSeconds, data_seconds: dataSeconds },
      })),
    );
    if (bad >= 0) throw this.diverged(`the loss of step ${first + bad} (epoch ${epoch}) is ${losses[bad]}`);
    this.position.step += k;
    this.position.epoch = epoch;
    this.position.epochStep = run.step + k;
    this.hooks.onEvent({
      kind: 'steps',
      ...{ epoch, step: this.position.step, stepsDone: this.position.epochStep, stepsPerEpoch },
      ...{ loss: mean(losses), pairs: mean(pairs), lr, lrBeta, stepSeconds, dataSeconds, stepsPerRun: k },
    });
    return seconds;
  }

  /**
   * Evaluates and saves after the last step of an epoch. When the run is interrupted in between, the checkpoint says that
   * all steps of the epoch are done, and a resumed run begins with the evaluation.
   *
   * @returns false when interrupted
   */
  private async finishEpoch(): Promise<boolean> {
    const recall = await this.evaluate(this.position.epoch);
    if (recall) {
      this.position.epoch++;
      this.position.epochStep = 0;
    }
    await this.save(recall);
    return recall !== null;
  }

  /** Recall@k of the present state, or null when interrupted. */
  private async evaluate(epoch: number): Promise<Recall | null> {
    const { thread, training, val, loader, metrics } = this.setup;
    const { onEvent, signal } = this.hooks;
    const { step } = this.position;
    const started = performance.now();
    try {
      const recall = await evaluateOn(thread, training, val, loader, {
        signal,
        onProgress: (stage, done, total) => onEvent({ kind: 'eval-progress', stage, done, total }),
      });
      const seconds = (performance.now() - started) / 1000;
      await metrics.write([{ kind: 'eval', epoch, step, recall }]);
      onEvent({ kind: 'eval', epoch, step, recall, seconds });
      this.evaluations.last = recall;
      return recall;
    } catch (error) {
      if (signal.aborted && error === signal.reason) return null;
      throw error instanceof NotFiniteError ? this.diverged(`the embeddings after step ${step} are not finite`) : error;
    }
  }

  /** Writes a checkpoint. @throws UserError when the state is not finite, or the file can't be written */
  private async save(recall: Recall | null): Promise<void> {
    const { thread, folder, layout, training, recorded, options } = this.setup;
    const { epoch, epochStep, step } = this.position;
    // Nothing new since the checkpoint that was resumed, or written last.
    if (recall === null && (this.saved?.step ?? 0) === step) return;
    const names = stateTensors(layout, training.optimizer, training.classes).map(({ name }) => name);
    const state = await thread.read(names);
    const broken = names.find((name) => !isFinite(state[name]!));
    if (broken !== undefined) throw this.diverged(`${broken} is not finite after step ${step}`);
    const metadata = { epoch, epochStep, step, seed: options.seed, options: training, runOptions: recorded };
    const isBest = await folder.save({ layout, state, metadata }, recall?.[1] ?? null);
    if (isBest) this.best = { step, recall: recall![1]! };
    this.saved = { path: folder.lastPath, step };
    this.hooks.onEvent({ kind: 'checkpoint', path: folder.lastPath, best: isBest });
  }

  private diverged(what: string): UserError {
    const { lr, lrBeta, seed } = this.setup.options;
    const kept = this.saved
      ? `The last good checkpoint is kept: ${this.saved.path} (step ${this.saved.step}).`
      : 'No checkpoint has been written yet.';
    return new UserError(
      `${what}: the training has diverged. ${kept} Try a lower --lr (now ${lr}) or --lr-beta (now ${lrBeta}), ` +
        `look for odd images in the data, or try another --seed (now ${seed}).`,
    );
  }

  private result(status: TrainResult['status']): TrainResult {
    const { folder, metrics } = this.setup;
    const { epoch, step } = this.position;
    return {
      ...{ status, epoch, step, ...this.evaluations },
      best: this.best ?? undefined,
      files: {
        checkpoint: this.saved?.path,
        best: this.best && existsSync(folder.bestPath) ? folder.bestPath : undefined,
        metrics: metrics.path,
      },
    };
  }
}

/**
 * Trains. Equal options (and equal data, device and thread count) give equal checkpoints, bit for bit: whatever `workers`,
 * `cache` and `stepsPerRun` are, and however often the run was stopped and resumed.
 *
 * @throws UserError for options, data, a checkpoint, a folder or a device that can't be used, and when a loss or the state
 *   is not finite any more; checkpoints written before stay as they are
 */
export async function train(options: RunOptions, hooks: TrainHooks): Promise<TrainResult> {
  const closers: Closers = [];
  const heartbeat = setInterval(() => hooks.onEvent({ kind: 'heartbeat' }), heartbeatMilliseconds);
  try {
    return await new Training(await openTraining(options, hooks, closers), hooks).run();
  } catch (error) {
    if (!hooks.signal.aborted || error !== hooks.signal.reason) throw error;
    // Before the first step: nothing to save.
    return { status: 'interrupted', epoch: options.startEpoch, step: 0, files: { checkpoint: options.resume } };
  } finally {
    clearInterval(heartbeat);
    for (const close of closers.reverse()) await close();
  }
}
