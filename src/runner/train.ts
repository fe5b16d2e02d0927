/** The training run: steps in ONNX Runtime, evaluations, metrics and checkpoints. */
import { existsSync } from 'node:fs';
import { stateTensors } from '../graph/state.js';
import { loadCheckpoint } from './checkpoint.js';
import { prefetchRuns } from './data/prefetch.js';
import type { TrainingRun } from './data/prefetch.js';
import { DivergedError, maxRollbacks, maxSkippedInARow } from './diverged.js';
import { NotFiniteError } from './embed.js';
import { evaluateOn } from './evaluate.js';
import type { LoopStep } from './loop-run.js';
import { loopFeeds, loopSteps, meanOfSteps, stepMetrics } from './loop-run.js';
import type { Metrics } from './metrics.js';
import { recordRun } from './reproduce/recorder.js';
import type { Recall } from './retrieval.js';
import type { RunOptions } from './run-options.js';
import { learningRateAt } from './schedule.js';
import { StepsPerRun } from './steps-per-run.js';
import { timeLimit } from './time-limit.js';
import type { TrainHooks, TrainResult } from './train-events.js';
import { holdState, openTraining } from './train-setup.js';
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

class Training {
  private readonly position: Position;
  private readonly evaluations: { before?: Recall; last?: Recall } = {};
  private best: TrainSetup['best'];
  /** The newest checkpoint that the state can be had back from. */
  private saved: { path: string; step: number; rollbacks: number } | undefined;
  /** Each shifts the random numbers of all steps that follow. */
  private rollbacks: number;
  private skippedInARow = 0;
  private saveFailed = false;

  constructor(
    private readonly setup: TrainSetup,
    private readonly hooks: TrainHooks,
  ) {
    this.position = { ...setup.start };
    this.best = setup.best;
    this.rollbacks = setup.rollbacks;
    const { resume } = setup.options;
    if (resume !== undefined) this.saved = { path: resume, step: setup.start.step, rollbacks: this.rollbacks };
  }

  async run(): Promise<TrainResult> {
    const { setup, hooks, position } = this;
    const { options, layout, train, skipped, stepsPerEpoch } = setup;
    const resumedFrom = options.resume === undefined ? undefined : { ...position };
    hooks.onEvent({
      kind: 'start',
      ...{ classes: train.classes.length, images: train.images.length, stepsPerEpoch, epochs: options.epochs },
      ...{ paramCount: layout.paramCount, device: options.device, resumedFrom, skipped },
      ...(this.best && { best: this.best }),
    });
    if (position.epoch >= options.epochs) {
      hooks.onEvent({
        kind: 'note',
        message: `${options.resume} has finished ${position.epoch} epochs, and --epochs is ${options.epochs}: nothing is left to do`,
      });
      return this.result('done');
    }
    try {
      return this.result((await this.begin()) ? await this.steps() : 'interrupted');
    } catch (error) {
      // An image that can't be read any more, no memory, a thread that ended: what has been trained is worth keeping.
      if (!this.saveFailed && !(error instanceof DivergedError)) await this.save(null).catch(() => undefined);
      throw error;
    }
  }

  /**
   * Evaluates the untrained network, or what the run that is resumed has not evaluated.
   *
   * @returns false when interrupted
   */
  private async begin(): Promise<boolean> {
    const { epoch, epochStep, step } = this.position;
    if (step > 0) return epochStep < this.setup.stepsPerEpoch || this.finishEpoch();
    if (this.setup.options.nanPolicy === 'rollback' && !this.saved) await this.save(null, true);
    const before = await this.evaluate(epoch - 1);
    if (before) this.evaluations.before = before;
    return before !== null;
  }

  /** Trains to the end of the last epoch. */
  private async steps(): Promise<TrainResult['status']> {
    for (;;) {
      try {
        return await this.stepsFromHere();
      } catch (error) {
        if (!(error instanceof DivergedError)) throw error;
        await this.rollBack(error);
      }
    }
  }

  private async stepsFromHere(): Promise<TrainResult['status']> {
    const { options, stepsPerEpoch, plan, train, loader } = this.setup;
    const { checkpointEvery = Infinity } = options;
    const { epoch, epochStep: step } = this.position;
    const stepsPerRun = new StepsPerRun(options.batchSize * loader.imageBytes, options.stepsPerRun);
    const shift = this.rollbacks * stepsPerEpoch;
    const runs = prefetchRuns({
      ...{ loader, stepsPerEpoch, epochs: options.epochs, from: { epoch, step }, ahead: 1 },
      plan: (epoch, step) => plan(epoch, step + shift),
      paths: train.images.map(({ path }) => path),
      stepsInNextRun: (step) => Math.min(stepsPerRun.next(), checkpointEvery - (step % checkpointEvery)),
    });
    for await (const run of runs) {
      const seconds = await this.compute(run);
      stepsPerRun.measured(run.steps, seconds);
      const { epochStep } = this.position;
      if (this.hooks.signal.aborted) {
        await this.save(null);
        return 'interrupted';
      }
      if (epochStep === stepsPerEpoch) {
        if (!(await this.finishEpoch())) return 'interrupted';
      } else if (epochStep % checkpointEvery === 0) await this.save(null);
    }
    return 'done';
  }

  /** Runs some steps, and returns how many seconds they took. @throws DivergedError when a loss is not finite */
  private async compute(run: TrainingRun): Promise<number> {
    const { options, training, thread, board, stepsPerEpoch } = this.setup;
    const { epoch, steps: k } = run;
    const rateNow = (rate: number) => learningRateAt(rate, options.factor, options.steps, epoch);
    const rates = { lr: rateNow(options.lr), lrBeta: rateNow(options.lrBeta) };
    const { outputs, seconds } = await thread.run('train_loop', loopFeeds(run, options, rates), [run.images.buffer]);
    const first = this.position.step + 1;
    // Before anything may fail: from here on, the state is that after these steps.
    Object.assign(this.position, { epoch, epochStep: run.step + k, step: this.position.step + k });
    const skips = training.skipNotFinite ?? false;
    const steps = loopSteps(outputs, skips);
    const bad = skips ? -1 : steps.findIndex(({ loss }) => !Number.isFinite(loss));
    const timing = { step: seconds / k, data: run.dataSeconds / k };
    const lines = stepMetrics(bad < 0 ? steps : steps.slice(0, bad + 1), { epoch, first, ...rates }, timing);
    await this.note(lines);
    await board?.steps(lines, options.batchSize);
    if (bad >= 0) throw this.diverged(`the loss of step ${first + bad} (epoch ${epoch}) is ${steps[bad]!.loss}`);
    const skipped = skips ? this.noteSkipped(steps, first, epoch) : undefined;
    this.hooks.onEvent({
      kind: 'steps',
      ...{ epoch, step: this.position.step, stepsDone: this.position.epochStep, stepsPerEpoch },
      ...{ ...meanOfSteps(steps), ...rates, stepSeconds: timing.step, dataSeconds: timing.data, stepsPerRun: k },
      ...(skipped && { skipped }),
    });
    return seconds;
  }

  /** Tells of steps whose update was left out, and returns how many. @throws DivergedError when they are all */
  private noteSkipped(steps: readonly LoopStep[], first: number, epoch: number): number {
    for (const [i, { skipped, loss }] of steps.entries()) {
      this.skippedInARow = skipped ? this.skippedInARow + 1 : 0;
      if (!skipped) continue;
      const what = Number.isFinite(loss) ? 'gradient is not finite' : `loss is ${loss}`;
      const message = `step ${first + i} (epoch ${epoch}) is left out: its ${what} (--nan-policy skip)`;
      this.hooks.onEvent({ kind: 'note', message });
      if (this.skippedInARow < maxSkippedInARow) continue;
      throw this.diverged(`${maxSkippedInARow} steps in a row, up to step ${first + i}, are not finite`);
    }
    return steps.filter(({ skipped }) => skipped).length;
  }

  /** Goes back to the last checkpoint, and on from there with later random numbers. @throws the error when that is no use */
  private async rollBack(error: DivergedError): Promise<void> {
    const { setup, saved } = this;
    const times = this.rollbacks + 1 - (saved?.rollbacks ?? 0);
    if (setup.options.nanPolicy !== 'rollback' || !saved || times > maxRollbacks) throw error;
    const { state, metadata } = await loadCheckpoint(saved.path);
    await holdState(setup.thread, setup, state);
    const { epoch, epochStep, step } = metadata;
    Object.assign(this.position, { epoch, epochStep, step });
    this.rollbacks++;
    await setup.metrics.goBack(step);
    await setup.board?.goBack(step);
    const message = `${error.what}: back to step ${step}, with other random numbers (--nan-policy rollback, ${times} of ${maxRollbacks})`;
    this.hooks.onEvent({ kind: 'note', message });
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
    const { thread, training, val, loader, board } = this.setup;
    const { onEvent, signal } = this.hooks;
    const { step } = this.position;
    const started = performance.now();
    try {
      const recall = await evaluateOn(thread, training, val, loader, {
        signal,
        onProgress: (stage, done, total) => onEvent({ kind: 'eval-progress', stage, done, total }),
        onEmbeddings: board && ((embeddings) => board.embeddings(step, { embeddings, set: val, loader })),
      });
      const seconds = (performance.now() - started) / 1000;
      await this.note([{ kind: 'eval', epoch, step, recall }]);
      await board?.evaluation(step, recall, (await thread.read(['beta']))['beta']!);
      onEvent({ kind: 'eval', epoch, step, recall, seconds });
      this.evaluations.last = recall;
      return recall;
    } catch (error) {
      if (signal.aborted && error === signal.reason) return null;
      throw error instanceof NotFiniteError ? this.diverged(`the embeddings after step ${step} are not finite`) : error;
    }
  }

  /**
   * Writes a checkpoint, unless there is nothing new since the one that was resumed or written last.
   *
   * @throws DivergedError when the state is not finite
   * @throws UserError when the file can't be written
   */
  private async save(recall: Recall | null, isFirst = false): Promise<void> {
    const { thread, folder, layout, training, recorded, options } = this.setup;
    const { epoch, epochStep, step } = this.position;
    const isThere = this.saved ? this.saved.step === step && existsSync(this.saved.path) : step === 0 && !isFirst;
    if (recall === null && isThere) return;
    const names = stateTensors(layout, training.optimizer, training.classes).map(({ name }) => name);
    const state = await thread.read(names);
    const broken = names.find((name) => !isFinite(state[name]!));
    if (broken !== undefined) throw this.diverged(`${broken} is not finite after step ${step}`);
    const { rollbacks } = this;
    const metadata = {
      ...{ epoch, epochStep, step, seed: options.seed, options: training, runOptions: recorded },
      ...(rollbacks > 0 && { rollbacks }),
    };
    this.saveFailed = true;
    const isBest = await folder.save({ layout, state, metadata }, recall?.[1] ?? null);
    this.saveFailed = false;
    if (isBest) this.best = { step, recall: recall![1]! };
    this.saved = { path: folder.lastPath, step, rollbacks };
    this.hooks.onEvent({ kind: 'checkpoint', path: folder.lastPath, step, best: isBest });
  }

  private async note(lines: readonly Metrics[]): Promise<void> {
    await this.setup.metrics.write(lines);
    this.hooks.onMetrics?.(lines);
  }

  private diverged(what: string): DivergedError {
    return new DivergedError(what, this.setup.options, this.saved);
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
 * Trains, and records the run in `run.json`. Equal options (and equal data, device and thread count) give equal checkpoints,
 * bit for bit: whatever `workers`, `cache` and `stepsPerRun` are, and however often the run was stopped and resumed.
 *
 * @throws UserError for options, data, a checkpoint, a folder or a device that can't be used, and when a loss or the state
 *   is not finite any more; checkpoints written before stay as they are
 */
export async function train(options: RunOptions, hooks: TrainHooks): Promise<TrainResult> {
  const closers: Closers = [];
  const onUp = () =>
    hooks.onEvent({ kind: 'note', message: `--max-hours ${options.maxHours} are over: stopping with a checkpoint` });
  const limit = timeLimit(options.maxHours, hooks.signal, onUp);
  const heartbeat = setInterval(() => {
    hooks.onEvent({ kind: 'heartbeat' });
    limit.check();
  }, heartbeatMilliseconds);
  const limited = { ...hooks, signal: limit.signal };
  const stopped = () => (limit.isUp() ? 'time-up' : 'interrupted');
  try {
    const setup = await openTraining(options, limited, closers);
    return await recordRun(setup, limited, async (recorded) => {
      const result = await new Training(setup, recorded).run();
      return result.status === 'interrupted' ? { ...result, status: stopped() } : result;
    });
  } catch (error) {
    if (!limit.signal.aborted || error !== limit.signal.reason) throw error;
    // Before the first step: nothing to save.
    return { status: stopped(), epoch: options.startEpoch, step: 0, files: { checkpoint: options.resume } };
  } finally {
    clearInterval(heartbeat);
    for (const close of closers.reverse()) await close();
  }
}
