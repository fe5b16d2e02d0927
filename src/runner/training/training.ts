/** What a training does once it is open: steps in ONNX Runtime, evaluations, metrics and checkpoints. */
import { existsSync } from 'node:fs';
import { piecesOf } from '../../graph/step/piece.js';
import { allFinite } from '../base/all-finite.js';
import { counted } from '../base/counted.js';
import { ModuleError } from '../modules/blame.js';
import { describeSearch } from '../data/search-sets.js';
import { untilAborted } from '../base/until-aborted.js';
import { prefetchRuns } from '../data/prefetch.js';
import type { TrainingRun } from '../data/prefetch.js';
import type { BestCheckpoint, SavedCheckpoint } from './diverged.js';
import { deadEnd, DivergedError, maxRollbacks, maxSkippedInARow } from './diverged.js';
import { NotFiniteError } from '../evaluation/embed-on.js';
import type { EvalStage } from '../evaluation/evaluate.js';
import { evaluateOn } from '../evaluation/evaluate.js';
import { allLeftOut, leftOutText, LeftOutSteps, noneLeftOut } from './left-out.js';
import type { LoopStep } from './loop-run.js';
import { loopFeeds, loopSteps, meanOfSteps, stepMetrics } from './loop-run.js';
import type { Metrics } from './metrics-file.js';
import type { Recall } from '../evaluation/retrieval-metrics.js';
import { Meetings } from './meetings.js';
import { learningRateAt } from './schedule.js';
import { secondsOfRuns, StepsPerRun } from './steps-per-run.js';
import type { TrainResult } from './events.js';
import type { Observers } from './observer.js';
import { holdState, loadToGoOn } from './setup.js';
import type { Position, TrainSetup } from './setup.js';

export class Training {
  private readonly position: Position;
  private readonly evaluations: { before?: Recall; last?: Recall } = {};
  private best: TrainSetup['best'];
  /** The newest checkpoint that the state can be had back from. */
  private saved: (SavedCheckpoint & { rollbacks: number }) | undefined;
  /** Each shifts the random numbers of all steps that follow. */
  private rollbacks: number;
  private readonly leftOut: LeftOutSteps;
  private saveFailed = false;
  private readonly meetings: Meetings;

  constructor(
    private readonly setup: TrainSetup,
    private readonly hooks: Observers,
  ) {
    this.position = { ...setup.start };
    this.best = setup.best;
    this.evaluations.before = setup.untrained;
    this.rollbacks = setup.rollbacks;
    this.leftOut = new LeftOutSteps(setup.leftOut);
    this.meetings = new Meetings(setup.thread, setup.plan.ranks.syncEvery, setup.stepsPerEpoch);
    const { resume } = setup.plan.weights;
    if (resume !== undefined)
      this.saved = { path: resume, step: setup.start.step, rollbacks: this.rollbacks, isProven: false };
  }

  async run(): Promise<TrainResult> {
    const { setup, hooks, position } = this;
    const { plan, layout, used, stepsPerEpoch } = setup;
    const { resume } = plan.weights;
    const { epochs } = plan.schedule;
    const resumedFrom = resume === undefined ? undefined : { ...position };
    hooks.onEvent({
      kind: 'start',
      ...{ ...used.train, val: used.val, stepsPerEpoch, epochs },
      ...{ paramCount: layout.paramCount, device: plan.device.device },
      ...{ precision: setup.training.precision ?? 'fp32', ...piecesOf(setup.training), resumedFrom },
      ...(this.best && { best: this.best }),
      ...(setup.untrained && { before: setup.untrained }),
    });
    for (const message of describeSearch(setup.val).texts) {
      hooks.onEvent({ kind: 'note', message: `validation: ${message}` });
    }
    if (position.epoch >= epochs) {
      hooks.onEvent({
        kind: 'note',
        message: `${resume} has finished ${counted(position.epoch, 'epoch')}, and --epochs is ${epochs}: nothing is left to do`,
      });
      await setup.ranks.leave();
      return this.result('done');
    }
    try {
      const status = (await this.begin()) ? await this.steps() : 'interrupted';
      this.tellDeadEnd();
      await setup.ranks.leave();
      return this.result(status);
    } catch (error) {
      // An image that can't be read any more, no memory, a thread that ended: what has been trained is worth keeping.
      if (!this.saveFailed && !(error instanceof DivergedError)) await this.save(null).catch(() => undefined);
      throw error instanceof ModuleError
        ? new ModuleError(`${error.message}. ${this.kept()}`, { cause: error })
        : error;
    }
  }

  /** Where a training can go on from that has failed. */
  private kept(): string {
    if (!this.saved) return 'No checkpoint has been written yet.';
    return `The last checkpoint is kept: ${this.saved.path} (step ${this.saved.step}).`;
  }

  /**
   * Evaluates the untrained network, or what the run that is resumed has not evaluated.
   *
   * @returns false when interrupted
   */
  private async begin(): Promise<boolean> {
    const { epoch, epochStep, step } = this.position;
    if (step > 0) return epochStep < this.setup.stepsPerEpoch || this.finishEpoch();
    if (this.setup.plan.guard.nanPolicy === 'rollback' && !this.saved) await this.save(null, true);
    if (this.setup.plan.schedule.evalEvery === 0) return true;
    const before = await this.agreed(this.evaluate(epoch - 1));
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
    const { plan, ofRank, thread, stepsPerEpoch, batchAt, train, ranks, share } = this.setup;
    const { meetings } = this;
    const loader = this.setup.frozen?.train ?? this.setup.loader;
    const { checkpointEvery = Infinity } = plan.output;
    const { epoch, epochStep: step } = this.position;
    const { stepsPerRun: wanted } = plan.guard;
    const seconds = secondsOfRuns(plan.device.device, await thread.engineName());
    const stepsPerRun = new StepsPerRun(ofRank.batchSize * loader.imageBytes, seconds, wanted);
    const shift = this.rollbacks * stepsPerEpoch;
    const runs = prefetchRuns({
      ...{ loader, stepsPerEpoch, epochs: plan.schedule.epochs, from: { epoch, step }, ahead: 1 },
      plan: (epoch, step) => share.of(batchAt(epoch, step + shift)),
      paths: train.images.map(({ path }) => path),
      // Ranks that take their steps together agree between them on whether there is another.
      stepsInNextRun: (step) =>
        ranks.size > 1 && !share.isApart
          ? 1
          : Math.min(stepsPerRun.next(), checkpointEvery - (step % checkpointEvery), meetings.stepsFrom(step)),
    });
    const { signal } = this.hooks;
    for await (const run of ranks.size > 1 ? runs : untilAborted(runs, signal)) {
      if (!meetings.isApart && (await ranks.anyOf(signal.aborted))) break;
      const seconds = await this.compute(run);
      stepsPerRun.measured(run.steps, seconds);
      if (meetings.isApart) continue;
      const { epochStep } = this.position;
      if (ranks.size === 1 && signal.aborted) break;
      if (epochStep === stepsPerEpoch) {
        if (!(await this.finishEpoch())) return 'interrupted';
      } else if (epochStep % checkpointEvery === 0) await this.save(null);
    }
    if (this.position.epoch >= plan.schedule.epochs) return 'done';
    await this.save(null);
    return 'interrupted';
  }

  /** Runs some steps, tells of all that the ranks have come to agree on, and returns how many seconds the run took. @throws DivergedError when a loss is not finite */
  private async compute(run: TrainingRun): Promise<number> {
    const { plan, ofRank, training, shapes, thread, stepsPerEpoch } = this.setup;
    const { epoch } = run;
    const { lr, factor, steps: lowered } = plan.schedule;
    const rateNow = (rate: number) => learningRateAt(rate, factor, lowered, epoch);
    const own = Object.fromEntries(Object.entries(this.setup.rates).map(([name, rate]) => [name, rateNow(rate)]));
    const rates = { lr: rateNow(lr), own };
    const feeds = loopFeeds(run, ofRank, shapes, rates);
    const result = await thread.run('train_loop', feeds, [run.images.buffer]);
    const taken = await this.meetings.after(run, result);
    if (!taken) return result.seconds;
    const { steps: k, outputs, seconds, dataSeconds } = taken;
    const first = this.position.step + 1;
    // Before anything may fail: from here on, the state is that after these steps.
    Object.assign(this.position, { epoch, epochStep: taken.step + k, step: this.position.step + k });
    const skips = training.skipNotFinite ?? false;
    const isScaled = training.precision === 'fp16';
    const steps = loopSteps(outputs, skips || isScaled);
    const bad = skips ? -1 : steps.findIndex(({ loss }) => !Number.isFinite(loss));
    // Features are kept: what is waited for them is nobody's to make shorter.
    const timing = { step: seconds / k, data: this.setup.frozen ? 0 : dataSeconds / k };
    const told = bad < 0 ? steps : steps.slice(0, bad + 1);
    await this.note(stepMetrics(told, { epoch, first, leftOut: allLeftOut(this.leftOut.all), ...rates }, timing));
    this.count(bad < 0 ? steps : steps.slice(0, bad), first, epoch);
    if (bad >= 0) throw this.diverged(`the loss of step ${first + bad} (epoch ${epoch}) is ${steps[bad]!.loss}`);
    const skipped = steps.filter(({ leftOut }) => leftOut !== undefined).length;
    this.hooks.onEvent({
      kind: 'steps',
      ...{ epoch, step: this.position.step, stepsDone: this.position.epochStep, stepsPerEpoch },
      ...{
        ...meanOfSteps(steps),
        lr: rates.lr,
        rates: own,
        stepSeconds: timing.step,
        dataSeconds: timing.data,
        stepsPerRun: k,
      },
      ...((skips || isScaled) && { skipped }),
      ...(isScaled && { scaling: { lossScale: steps.at(-1)!.lossScale!, leftOut: allLeftOut(this.leftOut.all) } }),
    });
    return result.seconds;
  }

  /** A training that ends well by its numbers of steps may have come to a network that takes none any more. */
  private tellDeadEnd(): void {
    const { position, saved, setup } = this;
    const { last, isAnyTaken } = this.leftOut;
    if (last.notFinite === 0 && (isAnyTaken || last.overflow === 0)) return;
    const ended = { step: position.step, leftOut: last, isAnyTaken, lr: setup.plan.schedule.lr };
    this.hooks.onEvent({ kind: 'note', message: deadEnd(ended, saved, this.bestCheckpoint()) });
  }

  /** Counts the steps that were taken, and tells of those that were left out. @throws DivergedError when they are all */
  private count(steps: readonly LoopStep[], first: number, epoch: number): void {
    for (const [i, step] of steps.entries()) {
      this.leftOut.add(step);
      if (step.leftOut === undefined) {
        if (this.saved) this.saved.isProven = true;
        continue;
      }
      const message = `step ${first + i} (epoch ${epoch}) is left out: ${leftOutText(step)}`;
      this.hooks.onEvent({ kind: 'note', message });
      if (this.leftOut.last.notFinite < maxSkippedInARow) continue;
      throw this.diverged(`${maxSkippedInARow} steps in a row, up to step ${first + i}, are not finite`);
    }
  }

  /** Goes back to the last checkpoint, and on from there with later random numbers. @throws the error when that is no use */
  private async rollBack(error: DivergedError): Promise<void> {
    const { setup, saved } = this;
    const times = this.rollbacks + 1 - (saved?.rollbacks ?? 0);
    if (setup.plan.guard.nanPolicy !== 'rollback' || !saved || times > maxRollbacks) throw error;
    const { state, metadata } = await loadToGoOn(saved.path, setup.state);
    await holdState(setup.thread, setup.state, state);
    const { epoch, epochStep, step, leftOut = noneLeftOut } = metadata;
    Object.assign(this.position, { epoch, epochStep, step });
    this.rollbacks++;
    this.leftOut.goBack(leftOut);
    await setup.lock.requireHeld();
    await setup.metrics.goBack(step);
    await this.hooks.onGoBack(step);
    const message = `${error.what}: back to step ${step}, with other random numbers (--nan-policy rollback, ${times} of ${maxRollbacks})`;
    this.hooks.onEvent({ kind: 'note', message });
  }

  /**
   * Evaluates, where `evalEvery` says so, and saves after the last step of an epoch. When the run is interrupted in
   * between, the checkpoint says that all steps of the epoch are done, and a resumed run begins with the evaluation.
   *
   * @returns false when interrupted
   */
  private async finishEpoch(): Promise<boolean> {
    const { evalEvery = 1 } = this.setup.plan.schedule;
    const isDue = evalEvery > 0 && (this.position.epoch + 1) % evalEvery === 0;
    const recall = isDue ? await this.agreed(this.evaluate(this.position.epoch)) : undefined;
    if (recall !== null) {
      this.position.epoch++;
      this.position.epochStep = 0;
    }
    await this.save(recall ?? null);
    return recall !== null;
  }

  /** An evaluation that any rank has been interrupted in is one of none. */
  private async agreed(evaluation: Promise<Recall | null>): Promise<Recall | null> {
    const recall = await evaluation;
    return (await this.setup.ranks.anyOf(recall === null)) ? null : recall;
  }

  /** Recall@k of the present state, or null when interrupted. */
  private async evaluate(epoch: number): Promise<Recall | null> {
    const { thread, training, val, loader, frozen, plan } = this.setup;
    const { onEvent, signal } = this.hooks;
    const { step } = this.position;
    const started = performance.now();
    try {
      const hooks = {
        // Of several, each would end at another moment.
        signal: this.setup.ranks.size === 1 ? signal : undefined,
        onProgress: (stage: EvalStage, done: number, total: number) =>
          onEvent({ kind: 'eval-progress', stage, done, total }),
        onEmbeddings: (embeddings: Float32Array) => this.hooks.onEmbeddings(step, embeddings),
      };
      const { recall } = await evaluateOn(thread, training, val, loader, hooks, {
        ...plan.evaluation,
        among: this.setup.ranks.among,
        ...(frozen && { embedded: () => frozen.val.embed(thread) }),
      });
      const seconds = (performance.now() - started) / 1000;
      await this.note([{ kind: 'eval', epoch, step, recall }]);
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
    const { thread, folder, layout, state: tensors, training, recorded, plan } = this.setup;
    const { epoch, epochStep, step } = this.position;
    const isThere = this.saved ? this.saved.step === step && existsSync(this.saved.path) : step === 0 && !isFirst;
    if (recall === null && isThere) return;
    const names = tensors.map(({ name }) => name);
    const state = await thread.read(names);
    const broken = names.find((name) => !allFinite(state[name]!));
    if (broken !== undefined) throw this.diverged(`${broken} is not finite after step ${step}`);
    const { rollbacks } = this;
    const leftOut = this.leftOut.all;
    const metadata = {
      ...{ epoch, epochStep, step, seed: plan.schedule.seed, options: training, runOptions: recorded },
      ...(rollbacks > 0 && { rollbacks }),
      ...(allLeftOut(leftOut) > 0 && { leftOut }),
      ...(plan.modules.network !== undefined && { network: plan.modules.network }),
    };
    this.saveFailed = true;
    // After a power cut, no step of a checkpoint is missing from what is told of its run.
    await this.setup.metrics.sync();
    await this.hooks.sync();
    const isBest = await folder.save({ layout, tensors, state, metadata }, recall?.[1] ?? null);
    this.saveFailed = false;
    if (isBest) this.best = { step, recall: recall![1]! };
    this.saved = { path: folder.lastPath, step, rollbacks, isProven: false };
    const finished = epochStep === 0 && step > 0 ? { finished: epoch } : {};
    this.hooks.onEvent({ kind: 'checkpoint', path: folder.lastPath, step, best: isBest, ...finished });
  }

  private async note(lines: readonly Metrics[]): Promise<void> {
    await this.setup.lock.requireHeld();
    await this.setup.metrics.write(lines);
    await this.hooks.onMetrics(lines);
  }

  private bestCheckpoint(): BestCheckpoint | undefined {
    const path = this.setup.folder.bestPath;
    return this.best && existsSync(path) ? { path, ...this.best } : undefined;
  }

  private diverged(what: string): DivergedError {
    const { plan, rates, training } = this.setup;
    return new DivergedError(
      what,
      { ...plan.schedule, ...training },
      rates,
      { saved: this.saved, best: this.bestCheckpoint() },
      plan.modules.facts,
    );
  }

  private result(status: TrainResult['status']): TrainResult {
    const { metrics } = this.setup;
    const { epoch, step } = this.position;
    return {
      ...{ status, epoch, step, ...this.evaluations },
      best: this.best ?? undefined,
      ...(allLeftOut(this.leftOut.all) > 0 && { leftOut: this.leftOut.all }),
      files: {
        checkpoint: this.saved?.path,
        best: this.bestCheckpoint()?.path,
        metrics: metrics.path,
      },
    };
  }
}
