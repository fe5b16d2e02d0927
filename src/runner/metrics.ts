/**
 * `metrics.jsonl`: one JSON object a line, for each training step and each evaluation, in the order they happened.
 */
import type { FileHandle } from 'node:fs/promises';
import { mkdir, open, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { UserError } from './errors.js';
import { errorCode, fileError, writeFileAtomic } from './files.js';

/** One training step. Keys are as they stand in the file. */
export interface StepMetrics {
  kind: 'step';
  /** 0-based. */
  epoch: number;
  /** Steps done since the training began, this one included. */
  step: number;
  /** A loss that is not finite is written as null. */
  loss: number | null;
  /** Pairs with a loss above 0. */
  pairs: number;
  lr: number;
  lr_beta: number;
  /** Seconds of computing, a run's share. */
  step_seconds: number;
  /** Seconds spent waiting for images, a run's share. */
  data_seconds: number;
  /** L2 norm of the gradient before clipping; with `--clip-norm` and `--nan-policy skip`. One that is not finite is null. */
  gradient_norm?: number | null;
  /** The update of this step was left out (`--nan-policy skip`). */
  skipped?: true;
}

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
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null;
    throw fileError(`can't read ${path}`, error);
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

const isNumber = (value: unknown): value is number => typeof value === 'number';

const isRecall = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && Object.values(value).every(isNumber);

type Fields = Partial<Record<keyof StepMetrics | keyof EvalMetrics, unknown>>;

/** What every record of a kind holds that somebody counts on. */
const holdsRecord: Record<Metrics['kind'], (record: Fields) => boolean> = {
  step: ({ epoch, loss }) => isNumber(epoch) && (loss === null || isNumber(loss)),
  eval: ({ epoch, recall }) => isNumber(epoch) && isRecall(recall),
};

function parseMetrics(line: string): Metrics | null {
  try {
    const value = JSON.parse(line) as Fields | null;
    if (!isNumber(value?.step) || !Object.hasOwn(holdsRecord, String(value.kind))) return null;
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

/** Keeps the lines up to a step. */
async function cutAfter(path: string, step: number, onNote: (message: string) => void): Promise<void> {
  const { lines, damaged } = (await readLines(path)) ?? { lines: [], damaged: [] };
  if (damaged.length > 0) onNote(`${path} is damaged: left out what is no record, line ${damaged.join(', ')}`);
  const kept = lines.filter(({ metrics }) => metrics.step <= step);
  await writeFileAtomic(path, kept.map(({ text }) => `${text}\n`).join(''));
}

async function openToAppend(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'a');
  } catch (error) {
    throw fileError(`can't write ${path}`, error);
  }
}

/** Appends to a file of metrics; each `write` is handed to the operating system before it returns. */
export class MetricsWriter {
  private constructor(
    readonly path: string,
    private file: FileHandle,
    private readonly onNote: (message: string) => void,
  ) {}

  /**
   * Opens a file for a run that has done `step` steps. 0 begins anew; otherwise lines after that step are cut off, so
   * that a resumed run's file holds each step once.
   *
   * @param onNote hears of damaged lines, which are left out, and of a file that was removed while it was written
   * @throws UserError when the file can't be read or written
   */
  static async open(
    path: string,
    step = 0,
    onNote: (message: string) => void = () => undefined,
  ): Promise<MetricsWriter> {
    if (step === 0) await writeFileAtomic(path, '');
    else await cutAfter(path, step, onNote);
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
      await mkdir(dirname(this.path), { recursive: true });
      this.file = await openToAppend(this.path);
    }
    try {
      await this.file.appendFile(records.map((record) => `${JSON.stringify(record)}\n`).join(''));
    } catch (error) {
      throw fileError(`can't write ${this.path}`, error);
    }
  }

  async close(): Promise<void> {
    await this.file.close();
  }
}
