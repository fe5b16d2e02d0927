/**
 * `metrics.jsonl`: one JSON object a line, for each training step and each evaluation, in the order they happened.
 */
import type { FileHandle } from 'node:fs/promises';
import { open, readFile } from 'node:fs/promises';
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

/** The lines of a file; a last line torn by a crash is left out. Null where there is no file. */
async function readLines(path: string): Promise<Line[] | null> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null;
    throw fileError(`can't read ${path}`, error);
  }
  const texts = text.split('\n');
  const lines: Line[] = [];
  for (const [index, line] of texts.entries()) {
    if (line === '') continue;
    const metrics = parseMetrics(line);
    if (metrics !== null) lines.push({ text: line, metrics });
    else if (index < texts.length - 1) {
      throw new UserError(
        `${path} is damaged: line ${index + 1} is no record of metrics. Remove the line or the file.`,
      );
    }
  }
  return lines;
}

function parseMetrics(line: string): Metrics | null {
  try {
    const value = JSON.parse(line) as Metrics | null;
    return typeof value === 'object' && typeof value?.kind === 'string' && typeof value.step === 'number'
      ? value
      : null;
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
  const lines = await readLines(path);
  if (lines === null) throw new UserError(`can't read ${path}: there is no such file; check the path`);
  return lines.map(({ metrics }) => metrics);
}

/** Appends to a file of metrics; each `write` is handed to the operating system before it returns. */
export class MetricsWriter {
  private constructor(
    readonly path: string,
    private readonly file: FileHandle,
  ) {}

  /**
   * Opens a file for a run that has done `step` steps. 0 begins anew; otherwise lines after that step are cut off, so
   * that a resumed run's file holds each step once.
   *
   * @throws UserError when the file can't be read or written
   */
  static async open(path: string, step = 0): Promise<MetricsWriter> {
    const kept = step === 0 ? [] : ((await readLines(path)) ?? []).filter(({ metrics }) => metrics.step <= step);
    await writeFileAtomic(path, kept.map(({ text }) => `${text}\n`).join(''));
    try {
      return new MetricsWriter(path, await open(path, 'a'));
    } catch (error) {
      throw fileError(`can't write ${path}`, error);
    }
  }

  /**
   * Appends records, in one write.
   *
   * @throws UserError naming the path and the reason, for example a full disk
   */
  async write(records: readonly Metrics[]): Promise<void> {
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
