/** Keeps a run's `run.json`: written at its start, after each epoch and at its end, each time in one piece. */
import { createHash } from 'node:crypto';
import { createReadStream, openSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { checkpointNames } from '../checkpoint-folder.js';
import { causeCode, ensureWritableFolder, errorCode, writeFileAtomic } from '../files.js';
import type { Metrics } from '../metrics.js';
import { sha256Of } from '../pretrained/cache.js';
import type { TrainEvent, TrainHooks, TrainResult } from '../train-events.js';
import type { Position, TrainSetup } from '../train-setup.js';
import { artifactDigests } from './artifacts.js';
import { listData } from './data-listing.js';
import { machineFacts } from './machine.js';
import { plainOptions } from './options.js';
import type { RunRecord, Segment } from './record.js';
import { emptyRecord, encodeRecord, LISTING, readRecord, RECORD } from './record.js';

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Values as JSON keeps them: what is undefined is left out. */
const plain = <T extends object>(values: T): T => JSON.parse(JSON.stringify(values)) as T;

/** The record of the run that a checkpoint belongs to: `my-run.json` beside `my-checkpoint.safetensors`. */
const recordOf = (checkpoint: string): string => {
  const prefix = path.basename(checkpoint).replace(/(checkpoint(-epoch-\d+)?|best)\.safetensors$/, '');
  return path.join(path.dirname(checkpoint), prefix + RECORD);
};

/** What is known of a resumed run's steps before this process. */
async function historyOf({ options, start }: TrainSetup, note: (message: string) => void): Promise<RunRecord> {
  if (options.resume === undefined || start.step === 0) return emptyRecord();
  const file = recordOf(options.resume);
  try {
    await stat(file);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return emptyRecord();
  }
  try {
    const { segments, epochs } = await readRecord(file);
    const before = segments.filter(({ from }) => from.step < start.step);
    const to = (segment: Segment): Position | undefined =>
      segment.to === undefined || segment.to.step > start.step ? start : segment.to;
    return {
      ...emptyRecord(),
      segments: before.map((segment, index) => ({ ...segment, to: before[index + 1]?.from ?? to(segment) })),
      epochs: epochs.filter(({ step }) => step <= start.step),
    };
  } catch (error) {
    note(`what was done before is not recorded: ${messageOf(error)}`);
    return emptyRecord();
  }
}

class RunRecorder {
  /** Ends the hashing of images. */
  private readonly hashing = new AbortController();
  private listed: Promise<void> = Promise.resolve();
  /** Work on the file, one after another; never rejects. */
  private pending: Promise<void> = Promise.resolve();
  private position: Position;
  /** Steps done at the last evaluation. */
  private evaluated: number | undefined;
  private loss: number | null | undefined;

  private constructor(
    private readonly setup: TrainSetup,
    private readonly hooks: TrainHooks,
    private readonly record: RunRecord,
    private readonly segment: Segment,
  ) {
    this.position = setup.start;
  }

  static async start(setup: TrainSetup, hooks: TrainHooks): Promise<RunRecorder> {
    const { options, training, recorded, start, stepsPerEpoch } = setup;
    const note = (message: string) => hooks.onEvent({ kind: 'note', message });
    const record = await historyOf(setup, note);
    const segment: Segment = {
      started: new Date().toISOString(),
      status: 'running',
      from: start,
      options: plainOptions(options),
      hyperparameters: { training: plain(training), run: plain({ ...recorded, seed: options.seed }) },
      stepsPerEpoch,
      facts: await machineFacts(options),
      artifacts: artifactDigests(training),
      data: null,
    };
    record.segments.push(segment);
    const recorder = new RunRecorder(setup, hooks, record, segment);
    await recorder.write();
    recorder.listed = recorder.list();
    return recorder;
  }

  /** Hears everything before the run's own hooks. */
  readonly onEvent = (event: TrainEvent): void => {
    const { kind } = event;
    if (kind === 'steps') this.position = { epoch: event.epoch, epochStep: event.stepsDone, step: event.step };
    if (kind === 'eval') {
      this.position = { epoch: event.epoch + 1, epochStep: 0, step: event.step };
      this.evaluated = event.step;
    }
    if (kind === 'checkpoint') this.saved(event.path, event.step);
    this.hooks.onEvent(event);
  };

  readonly onMetrics = (lines: readonly Metrics[]): void => {
    for (const line of lines) if (line.kind === 'step') this.loss = line.loss;
    this.hooks.onMetrics?.(lines);
  };

  async finish(result: TrainResult): Promise<void> {
    if (result.status !== 'done') this.hashing.abort();
    await Promise.all([this.listed, this.pending]);
    const { status, epoch, step, before, last, best } = result;
    Object.assign(this.segment, { ended: new Date().toISOString(), status, to: this.position });
    this.record.result = { status, epoch, step, loss: this.loss, before, last, best };
    await this.update(async () => {
      this.record.checkpoints = await this.keptCheckpoints();
    });
  }

  async fail(error: unknown): Promise<void> {
    this.hashing.abort();
    await Promise.all([this.listed, this.pending]);
    const isAborted = this.hooks.signal.aborted && error === this.hooks.signal.reason;
    Object.assign(this.segment, {
      ...{ ended: new Date().toISOString(), to: this.position },
      ...(isAborted ? { status: 'interrupted' } : { status: 'failed', error: messageOf(error) }),
    });
    await this.write().catch(() => undefined);
  }

  private async list(): Promise<void> {
    const { train, val, options } = this.setup;
    try {
      const { text, ...summary } = await listData({ train, val }, { signal: this.hashing.signal });
      const listing = options.savePrefix + LISTING;
      await this.update(async () => {
        await writeFileAtomic(path.join(options.out, listing), text);
        this.segment.data = { listing, ...summary };
      });
    } catch (error) {
      // A file that has gone stops the training itself, with a better message, when its turn comes.
      if (!this.hashing.signal.aborted) this.note(error);
    }
  }

  /** Notes the checkpoint of a finished epoch. */
  private saved(file: string, step: number): void {
    if (this.evaluated !== step) return;
    const { epoch } = this.position;
    const hashed = this.hashNow(file).catch((error: unknown) => this.note(error));
    void this.update(async () => {
      const sha256 = await hashed;
      if (sha256 === undefined) return;
      const epochs = this.record.epochs.filter((other) => other.epoch < epoch);
      this.record.epochs = [...epochs, { epoch, step, sha256 }];
    });
  }

  /** Of what has the name now: the next checkpoint takes it. */
  private async hashNow(file: string): Promise<string> {
    const fd = openSync(file, 'r');
    const hash = createHash('sha256');
    for await (const chunk of createReadStream('', { fd, highWaterMark: 2 ** 20 })) hash.update(chunk as Buffer);
    return hash.digest('hex');
  }

  private async keptCheckpoints(): Promise<RunRecord['checkpoints']> {
    const { out, savePrefix } = this.setup.options;
    const names = checkpointNames(await readdir(out), savePrefix).map(({ name }) => name);
    return Promise.all(
      names.sort().map(async (file) => {
        const place = path.join(out, file);
        return { file, bytes: (await stat(place)).size, sha256: await sha256Of(place) };
      }),
    );
  }

  /**
   * Changes and writes the file, after what is under way; a problem is told, and no reason to end a training.
   *
   * @param change may be called twice: the folder may be removed just then, and is made anew
   */
  private update(change: () => Promise<void>): Promise<void> {
    const attempt = async () => {
      await ensureWritableFolder(this.setup.options.out);
      await change();
      await this.write();
    };
    const again = (error: unknown) => {
      if ((errorCode(error) ?? causeCode(error)) !== 'ENOENT') throw error;
      return attempt();
    };
    this.pending = this.pending.then(() =>
      attempt()
        .catch(again)
        .catch((error: unknown) => this.note(error)),
    );
    return this.pending;
  }

  private note(error: unknown): void {
    this.hooks.onEvent({ kind: 'note', message: `${RECORD} is not up to date: ${messageOf(error)}` });
  }

  private async write(): Promise<void> {
    const { out, savePrefix } = this.setup.options;
    await writeFileAtomic(path.join(out, savePrefix + RECORD), encodeRecord(this.record));
  }
}

/**
 * Runs a training and records it.
 *
 * @param body trains, telling its events to the hooks that it is given
 * @throws UserError when `run.json` can't be written at the start; what `body` throws
 */
export async function recordRun(
  setup: TrainSetup,
  hooks: TrainHooks,
  body: (hooks: TrainHooks) => Promise<TrainResult>,
): Promise<TrainResult> {
  // Resuming what is finished does nothing, and changes no record.
  if (setup.start.epoch >= setup.options.epochs) return body(hooks);
  const recorder = await RunRecorder.start(setup, hooks);
  try {
    const { onEvent, onMetrics } = recorder;
    const result = await body({ ...hooks, onEvent, onMetrics });
    await recorder.finish(result);
    return result;
  } catch (error) {
    await recorder.fail(error);
    throw error;
  }
}
