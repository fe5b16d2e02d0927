/** What goes along with a training without being part of it: a record of it, a picture of it. */
import type { TrainEvent, RunHooks, TrainResult } from './events.js';
import type { Metrics } from './metrics-file.js';
import type { TrainSetup } from './setup.js';

/** The training waits for each promise, and what is thrown ends it. */
export interface TrainObserver {
  /** Hears of everything before the hooks of the training's caller. */
  onEvent?(event: TrainEvent): void;
  /** Hears each line of `metrics.jsonl` once it is written. */
  onMetrics?(lines: readonly Metrics[]): void | Promise<void>;
  /** Gets what an evaluation embeds the validation images as, [images, embedDim]; its Recall@k comes to `onMetrics`. */
  onEmbeddings?(step: number, embeddings: Float32Array): Promise<void>;
  /** The training goes on from an earlier step, and will tell of the later ones again. */
  onGoBack?(step: number): Promise<void>;
  /** A checkpoint is about to be written: what was told up to here is to outlive a power cut with it. */
  sync?(): Promise<void>;
  /** The end of a training that was not ended by an error. */
  finish?(result: TrainResult): Promise<void>;
  /** The end by an error, of the training or of an observer. */
  fail?(error: unknown): Promise<void>;
}

/**
 * Begins to observe, before the first step.
 *
 * @returns undefined when there is nothing to observe
 * @throws UserError when the training should not begin
 */
export type OpenObserver = (setup: TrainSetup, hooks: RunHooks) => Promise<TrainObserver | undefined>;

/** A training's observers and the hooks of its caller, as one. */
export class Observers implements RunHooks {
  readonly signal: AbortSignal;

  private constructor(
    private readonly hooks: RunHooks,
    private readonly observers: TrainObserver[],
  ) {
    this.signal = hooks.signal;
  }

  readonly onEvent = (event: TrainEvent): void => {
    for (const observer of this.observers) observer.onEvent?.(event);
    this.hooks.onEvent(event);
  };

  async onMetrics(lines: readonly Metrics[]): Promise<void> {
    for (const observer of this.observers) await observer.onMetrics?.(lines);
    this.hooks.onMetrics?.(lines);
  }

  async onEmbeddings(step: number, embeddings: Float32Array): Promise<void> {
    for (const observer of this.observers) await observer.onEmbeddings?.(step, embeddings);
  }

  async sync(): Promise<void> {
    for (const observer of this.observers) await observer.sync?.();
  }

  async onGoBack(step: number): Promise<void> {
    for (const observer of this.observers) await observer.onGoBack?.(step);
  }

  /**
   * Runs a training that is observed.
   *
   * @throws UserError when an observer can't begin; what `body` and the observers throw
   */
  static async during(
    openers: readonly OpenObserver[],
    setup: TrainSetup,
    hooks: RunHooks,
    body: (observers: Observers) => Promise<TrainResult>,
  ): Promise<TrainResult> {
    const observers: TrainObserver[] = [];
    try {
      for (const open of openers) {
        const observer = await open(setup, hooks);
        if (observer) observers.push(observer);
      }
      const result = await body(new Observers(hooks, observers));
      for (const observer of observers) await observer.finish?.(result);
      return result;
    } catch (error) {
      await Promise.allSettled(observers.map((observer) => observer.fail?.(error)));
      throw error;
    }
  }
}
