/**
 * `metrics.jsonl`: one JSON object a line, for each training step and each evaluation, in the order they happened.
 */
import type { FileHandle } from 'node:fs/promises';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { UserError } from '../base/errors.js';
import { causeCode, ensureFolder, fileError, readText, syncFolder, writeOwnFile } from '../base/files.js';
import { isSize } from '../base/sizes.js';

/** One training step. Keys are as they stand in the file. */
export interface StepMetrics {
  kind: 'step';
  /** 0-based. */
  epoch: number;
  /** Steps done since the training began, this one included. */
  step: number;
  /** A loss that is not finite is written as null. */
  loss: number | null;
  lr: number;
  /** Seconds of computing, a run's share. */
  step_seconds: number;
  /** Seconds spent waiting for images, a run's share. */
  data_seconds: number;
  /** L2 norm of the gradient before clipping; with `--clip-norm`, `--nan-policy skip` and `--precision fp16`. One that is not finite is null. */
  gradient_norm?: number | null;
  /** What the loss was multiplied with for the backward pass (`--precision fp16`). */
  loss_scale?: number;
  /** Updates left out so far, this step's included (`--precision fp16`). */
  skipped_steps?: number;
  /** The update of this step was left out (`--nan-policy skip`, `--precision fp16`). */
  skipped?: true;
  /** The loss's statistics by their names (`pairs`), and `lr_NAME` of its parameters (`lr_beta`). */
  [own: string]: number | string | boolean | null | undefined;
}

const shared = new Set([
  'kind',
  'epoch',
  'step',
  'loss',
  'lr',
  'step_seconds',
  'data_seconds',
  'gradient_norm',
  'loss_scale',
  'skipped_steps',
  'skipped',
]);
const ratePrefix = 'lr_';

const isNumber = (value: unknown): value is number => typeof value === 'number';

/** What the loss told of a step; null where that is not finite. */
export const statisticsOf = (line: StepMetrics): [string, number | null][] =>
  Object.entries(line).filter(
    (entry): entry is [string, number | null] =>
      !shared.has(entry[0]) && !entry[0].startsWith(ratePrefix) && (entry[1] === null || isNumber(entry[1])),
  );

/** Learning rates of the loss's parameters, by their names. */
export const ratesOf = (line: StepMetrics): [string, number][] =>
  Object.entries(line)
    .filter((entry): entry is [string, number] => entry[0].startsWith(ratePrefix) && isNumber(entry[1]))
    .map(([key, rate]) => [key.slice(ratePrefix.length), rate]);

/** One evaluation. */
export interface EvalMetrics {
  kind: 'eval';
  /** 0-based epoch that was just finished. */
  epoch: number;
  /** Steps done since the training began. */
  step: number;
  /** Recall@k by k, each in [0, 1]. */
  recall: Record<string, number>;
}

/** A line of `metrics.jsonl`. */
export type Metrics = StepMetrics | EvalMetrics;

interface Line {
  text: string;
  metrics: Metrics;
}

interface Lines {
  lines: Line[];
  /** Numbers of the lines, from 1, that are no records. */
  damaged: number[];
}

/** The lines of a file; a last line torn by a crash is left out. Null where there is no file. */
async function readLines(path: string): Promise<Lines | null> {
  let text: string;
  try {
    text = await readText(path);
  } catch (error) {
    if (causeCode(error) === 'ENOENT') return null;
    throw error;
  }
  const texts = text.split('\n');
  const lines: Line[] = [];
  const damaged: number[] = [];
  for (const [index, line] of texts.entries()) {
    if (line === '') continue;
    const metrics = parseMetrics(line);
    if (metrics !== null) lines.push({ text: line, metrics });
    else if (index < texts.length - 1) damaged.push(index + 1);
  }
  return { lines, damaged };
}

const isRecall = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && Object.values(value).every(isNumber);

type Fields = Partial<Record<'kind' | 'step' | 'epoch' | 'loss' | 'recall', unknown>>;

/** What every record of a kind holds that somebody counts on. */
const holdsRecord: Record<Metrics['kind'], (record: Fields) => boolean> = {
  step: ({ epoch, loss }) => isSize(epoch) && (loss === null || isNumber(loss)),
  // The untrained network's has the epoch before the first.
  eval: ({ epoch, recall }) => Number.isSafeInteger(epoch) && isRecall(recall),
};

function parseMetrics(line: string): Metrics | null {
  try {
    const value = JSON.parse(line) as Fields | null;
    if (!isSize(value?.step) || !Object.hasOwn(holdsRecord, String(value.kind))) return null;
    return holdsRecord[value.kind as Metrics['kind']](value) ? (value as unknown as Metrics) : null;
  } catch {
    return null;
  }
}

/**
 * Reads a file of metrics. A last line that a crash has torn is left out.
 *
 * @throws UserError when there is no such file, or a line before the last is damaged
 */
export async function readMetrics(path: string): Promise<Metrics[]> {
  const read = await readLines(path);
  if (read === null) throw new UserError(`can't read ${path}: there is no such file; check the path`);
  const [first] = read.damaged;
  if (first !== undefined) {
    throw new UserError(`${path} is damaged: line ${first} is no record of metrics. Remove the line or the file.`);
  }
  return read.lines.map(({ metrics }) => metrics);
}

/** Ranges of steps, from the first that there is to `step`, that have no line: `3 to 7`; `1 to step` where there is none at all. */
export function missingSteps(lines: readonly Metrics[], step: number): string[] {
  const there = [...new Set(lines.filter(({ kind }) => kind === 'step').map((line) => line.step))].sort(
    (a, b) => a - b,
  );
  // A run that began with a checkpoint from elsewhere has no line of what came before.
  const [first = 0] = there;
  const missing: string[] = [];
  let expected = Math.max(1, first);
  for (const next of [...there, step + 1]) {
    if (next > expected) missing.push(next === expected + 1 ? String(expected) : `${expected} to ${next - 1}`);
    expected = next + 1;
  }
  return missing;
}

/** Keeps the lines up to a step, and returns them. */
async function cutAfter(path: string, step: number, onNote: (message: string) => void): Promise<Metrics[]> {
  const { lines, damaged } = (await readLines(path)) ?? { lines: [], damaged: [] };
  if (damaged.length > 0) onNote(`${path} is damaged: left out what is no record, line ${listed(damaged.map(String))}`);
  const kept = lines.filter(({ metrics }) => metrics.step <= step);
  await writeOwnFile(path, kept.map(({ text }) => `${text}\n`).join(''));
  return kept.map(({ metrics }) => metrics);
}

const mostListed = 10;

const listed = (parts: readonly string[]): string =>
  parts.slice(0, mostListed).join(', ') + (parts.length > mostListed ? ` and ${parts.length - mostListed} more` : '');

async function openToAppend(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'a');
  } catch (error) {
    throw fileError(`can't write ${path}`, error);
  }
}

export interface MetricsStart {
  /** Steps that the run has done. Default: 0, which begins anew. */
  step?: number;
  /** Whether the file should hold the steps before; not where a run goes on from a checkpoint elsewhere. */
  goesOnHere?: boolean;
  /** Hears of damaged lines, which are left out, of missing steps, and of a file that was removed while it was written. */
  onNote?: (message: string) => void;
}

/** Appends to a file of metrics; each `write` is handed to the operating system before it returns. */
export class MetricsWriter {
  private constructor(
    readonly path: string,
    private file: FileHandle,
    private readonly onNote: (message: string) => void,
  ) {}

  /**
   * Opens a file for a run. One that has done no step begins anew; otherwise lines after its last step are cut off, so
   * that a resumed run's file holds each step once.
   *
   * @throws UserError when the file can't be read or written
   */
  static async open(
    path: string,
    { step = 0, goesOnHere = false, onNote = () => undefined }: MetricsStart = {},
  ): Promise<MetricsWriter> {
    if (step === 0) await writeOwnFile(path, '');
    else {
      const missing = missingSteps(await cutAfter(path, step, onNote), step);
      if (goesOnHere && missing.length > 0)
        onNote(
          `${path} lacks steps that the checkpoint has, as after a power cut: ${listed(missing)}. They are not made again.`,
        );
    }
    return new MetricsWriter(path, await openToAppend(path), onNote);
  }

  /** Cuts off the lines after a step, which the run has gone back to. */
  async goBack(step: number): Promise<void> {
    await this.close();
    await cutAfter(this.path, step, this.onNote);
    this.file = await openToAppend(this.path);
  }

  /**
   * Appends records, in one write.
   *
   * @throws UserError naming the path and the reason, for example a full disk
   */
  async write(records: readonly Metrics[]): Promise<void> {
    if ((await this.file.stat()).nlink === 0) {
      this.onNote(`${this.path} was removed while the training ran; a new one begins here`);
      await this.close();
      await ensureFolder(dirname(this.path));
      this.file = await openToAppend(this.path);
      await syncFolder(dirname(this.path));
    }
    try {
      await this.file.appendFile(records.map((record) => `${JSON.stringify(record)}\n`).join(''));
    } catch (error) {
      throw fileError(`can't write ${this.path}`, error);
    }
  }

  /** Puts what was written on the disk. @throws UserError naming the path and the reason */
  async sync(): Promise<void> {
    await this.file.sync().catch((error: unknown) => {
      throw fileError(`can't write ${this.path}`, error);
    });
  }

  async close(): Promise<void> {
    await this.file.close();
  }
}
