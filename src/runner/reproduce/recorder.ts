/** Keeps a run's `run.json`: written at its start, after each epoch and at its end, each time in one piece. */
import type { ModuleFacts } from '../modules/kinds.js';
import type { RunOptions } from '../options/run-options.js';
import { createHash } from 'node:crypto';
import { createReadStream, openSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { checkpointNames } from '../checkpoints/names.js';
import { causeCode, ensureWritableFolder, errorCode, writeOwnFile } from '../base/files.js';
import { listSome } from '../base/list-some.js';
import { setAside } from '../checkpoints/damage.js';
import type { Metrics } from '../training/metrics-file.js';
import { sha256Of } from '../pretrained/cache.js';
import type { TrainEvent, RunHooks, TrainResult } from '../training/events.js';
import type { OpenObserver, TrainObserver } from '../training/observer.js';
import type { Position, TrainSetup } from '../training/setup.js';
import { artifactDigests } from './artifacts.js';
import type { ListedFile } from './data-listing.js';
import { decodeListing, listData, listingChanges, readListing } from './data-listing.js';
import { dataFromRun, dataNow } from './data-place.js';
import { machineFacts } from './machine.js';
import { plainOptions } from './options.js';
import type { RunRecord, Segment } from './record.js';
import { DamagedRecordError, emptyRecord, encodeRecord, LISTING, readRecord, RECORD } from './record.js';

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Values as JSON keeps them: what is undefined is left out. */
const plain = <T extends object>(values: T): T => JSON.parse(JSON.stringify(values)) as T;

/** The record of the run that a checkpoint belongs to: `my-run.json` beside `my-checkpoint.safetensors`. */
const recordOf = (checkpoint: string): string => {
  const prefix = path.basename(checkpoint).replace(/(checkpoint(-epoch-\d+)?|best)\.safetensors$/, '');
  return path.join(path.dirname(checkpoint), prefix + RECORD);
};

/** What is known of a resumed run's steps before this process. */
async function historyOf({ plan, start }: TrainSetup, note: (message: string) => void): Promise<RunRecord> {
  const { resume } = plan.weights;
  if (resume === undefined || start.step === 0) return emptyRecord();
  const file = recordOf(resume);
  try {
    const { segments, epochs } = await readRecord(file);
    const { out } = plan.output;
    const named = async ({ options: { dataPath }, dataFromRun: fromRun }: Segment) =>
      fromRun && { dataFromRun: await dataFromRun(await dataNow(dataPath, fromRun, path.dirname(file)), out) };
    const earlier = segments.filter(({ from }) => from.step < start.step);
    // The run may go on in another folder.
    const before = await Promise.all(earlier.map(async (one) => ({ ...one, ...(await named(one)) })));
    const to = (segment: Segment): Position | undefined =>
      segment.to === undefined || segment.to.step > start.step ? start : segment.to;
    return {
      ...emptyRecord(),
      segments: before.map((segment, index) => ({ ...segment, to: before[index + 1]?.from ?? to(segment) })),
      epochs: epochs.filter(({ step }) => step <= start.step),
    };
  } catch (error) {
    if (causeCode(error) === 'ENOENT') return emptyRecord();
    if (!(error instanceof DamagedRecordError)) throw error;
    note(`what was done before is not recorded: ${messageOf(error)}`);
    return emptyRecord();
  }
}

/**
 * What is to be written over is a record, or is kept under another name.
 *
 * @throws UserError for what can't be read, which may be whole, and for a pipe or a folder
 */
async function keepDamaged(file: string, note: (message: string) => void): Promise<void> {
  try {
    await readRecord(file);
  } catch (error) {
    if (causeCode(error) === 'ENOENT') return;
    if (!(error instanceof DamagedRecordError)) throw error;
    note(`${file} is damaged, and kept as ${await setAside(file)}`);
  }
}

/** Lines of the splits that both listings have: a run need not look at its validation images. */
function comparable(before: readonly ListedFile[], after: readonly ListedFile[]): [ListedFile[], ListedFile[]] {
  const both = (['train', 'val'] as const).filter((split) =>
    [before, after].every((all) => all.some((one) => one.split === split)),
  );
  return [before.filter(({ split }) => both.includes(split)), after.filter(({ split }) => both.includes(split))];
}

/** A module's facts with the path that the command line gave. */
const asTyped =
  ({ modules }: RunOptions) =>
  (facts: ModuleFacts): ModuleFacts => ({ ...facts, path: modules?.[facts.kind]?.path ?? facts.path });

class RunRecorder implements TrainObserver {
  /** Ends the hashing of images. */
  private readonly hashing = new AbortController();
  private listed: Promise<void> = Promise.resolve();
  /** Work on the file, one after another; never rejects. */
  private pending: Promise<void> = Promise.resolve();
  private position: Position;
  private loss: number | null | undefined;

  private constructor(
    private readonly setup: TrainSetup,
    private readonly hooks: RunHooks,
    private readonly record: RunRecord,
    private readonly segment: Segment,
  ) {
    this.position = setup.start;
  }

  static async start(setup: TrainSetup, hooks: RunHooks): Promise<RunRecorder> {
    const { plan, training, recorded, start, stepsPerEpoch, used } = setup;
    const note = (message: string) => hooks.onEvent({ kind: 'note', message });
    const { out, savePrefix } = plan.output;
    const record = await historyOf(setup, note);
    await keepDamaged(path.join(out, savePrefix + RECORD), note);
    const segment: Segment = {
      started: new Date().toISOString(),
      status: 'running',
      from: start,
      options: plainOptions({ ...plan.options, lossRates: recorded['lossRates'] as RunOptions['lossRates'] }),
      dataFromRun: await dataFromRun(plan.data.dataPath, out),
      hyperparameters: { training: plain(training), run: plain({ ...recorded, seed: plan.schedule.seed }) },
      stepsPerEpoch,
      images: used,
      facts: await machineFacts(plan.device),
      ...(plan.modules.facts.length > 0 && { modules: plan.modules.facts.map(asTyped(plan.options)) }),
      communication: setup.ranks.by,
      artifacts: artifactDigests(training, plan.modules.definitions),
      data: null,
    };
    record.segments.push(segment);
    const recorder = new RunRecorder(setup, hooks, record, segment);
    await recorder.write();
    recorder.listed = recorder.list();
    return recorder;
  }

  onEvent(event: TrainEvent): void {
    const { kind } = event;
    if (kind === 'steps') this.position = { epoch: event.epoch, epochStep: event.stepsDone, step: event.step };
    if (kind === 'eval') this.position = { epoch: event.epoch + 1, epochStep: 0, step: event.step };
    if (kind === 'checkpoint' && event.finished !== undefined) {
      this.position = { epoch: event.finished, epochStep: 0, step: event.step };
      this.saved(event.path, event.step);
    }
  }

  onMetrics(lines: readonly Metrics[]): void {
    for (const line of lines) if (line.kind === 'step') this.loss = line.loss;
  }

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
    const { train, val, plan } = this.setup;
    const { out, savePrefix } = plan.output;
    try {
      const { text, ...summary } = await listData({ train, val }, { signal: this.hashing.signal });
      const listing = savePrefix + LISTING;
      await this.tellOtherImages(text, summary.sha256);
      await this.update(async () => {
        await writeOwnFile(path.join(out, listing), text);
        this.segment.data = { listing, ...summary };
      });
    } catch (error) {
      // A file that has gone stops the training itself, with a better message, when its turn comes.
      if (!this.hashing.signal.aborted) this.note(error);
    }
  }

  /** Other pixels under the same names are no other options: nothing else tells them from those that the run began with. */
  private async tellOtherImages(text: string, sha256: string): Promise<void> {
    const { resume } = this.setup.plan.weights;
    const data = this.record.segments.findLast((one) => one.data !== null)?.data;
    if (resume === undefined || !data || data.sha256 === sha256) return;
    const before = await readListing(path.join(path.dirname(resume), data.listing), data.sha256);
    const changes = before && listingChanges(...comparable(before, decodeListing(text, LISTING)));
    if (changes?.length === 0) return;
    const which = changes ? `:\n${listSome(changes)}` : '';
    const message = `the images are not those that ${resume} was trained on before${which}`;
    this.hooks.onEvent({ kind: 'note', message });
  }

  /** Notes the checkpoint of a finished epoch. */
  private saved(file: string, step: number): void {
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
    const { out, savePrefix } = this.setup.plan.output;
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
      await ensureWritableFolder(this.setup.plan.output.out);
      await this.setup.lock.requireHeld();
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
    const { out, savePrefix } = this.setup.plan.output;
    const { requireHeld } = this.setup.lock;
    await writeOwnFile(path.join(out, savePrefix + RECORD), encodeRecord(this.record), requireHeld);
  }
}

/** Records a training in `run.json`. @throws UserError when the file can't be written at the start */
export const openRecorder: OpenObserver = async (setup, hooks) =>
  // Resuming what is finished does nothing, and changes no record.
  setup.start.epoch >= setup.plan.schedule.epochs ? undefined : RunRecorder.start(setup, hooks);
