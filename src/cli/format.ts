/** Numbers and names for people. */
import { count, counted } from '../runner/base/counted.js';
import type { Precision } from '../graph/options.js';
import type { UsedImages } from '../runner/data/check.js';
import type { EvalStage } from '../runner/evaluation/evaluate.js';

export { count, counted };

/** 103 images of 8 classes, 3 left out */
export function imagesText({ images, classes, skipped }: UsedImages): string {
  const left = skipped > 0 ? `, ${count(skipped)} left out` : '';
  return `${counted(images, 'image')} of ${counted(classes, 'class', 'classes')}${left}`;
}

/** What a training uses. */
export const splitsText = (train: UsedImages, val: UsedImages): string =>
  `train: ${imagesText(train)}; val: ${imagesText(val)}`;

/** on cuda, in mixed precision (fp16) */
export const placeText = ({ device, precision }: { device: string; precision: Precision }): string =>
  `on ${device}${precision === 'fp16' ? ', in mixed precision (fp16)' : ''}`;

/** 80 images, 20 at a time */
export const batchText = ({
  batchSize,
  microBatch,
  ranks = 1,
}: {
  batchSize: number;
  microBatch?: number;
  ranks?: number;
}): string =>
  [
    `${counted(batchSize, 'image')}${ranks === 1 ? '' : ` on ${counted(ranks, 'rank')}`}`,
    ...(microBatch === undefined || microBatch >= batchSize / ranks ? [] : [`${count(microBatch)} at a time`]),
  ].join(', ');

/** 0.0042 -> 4.2 ms, 12.3 -> 12.3 s, 75 -> 1:15, 3700 -> 1:01:40 */
export function duration(seconds: number): string {
  if (seconds < 1) return `${(seconds * 1000).toFixed(seconds < 0.01 ? 1 : 0)} ms`;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const two = (value: number) => String(value).padStart(2, '0');
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** Breaks lines at blanks so that none is longer than `width`, unless a word is; indented ones are commands and stay whole. */
export function wrap(text: string, width: number): string[] {
  const fit = new RegExp(`(.{1,${width}}|\\S+)(?: +|$)`, 'g');
  return text
    .split('\n')
    .flatMap((line) => (line.startsWith(' ') ? [line] : Array.from(line.matchAll(fit), ([, part]) => part!)));
}

/** A table with its first column to the left and the others to the right. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => rows.reduce((most, row) => Math.max(most, row[column]!.length), 0));
  const line = (row: readonly string[]) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join('  ');
  return rows.map(line).join('\n');
}

/** Two lines, the k of Recall@k above their values. */
export function recallTable(name: string, recall: Readonly<Record<number, number>>): string {
  const ks = Object.keys(recall).map(Number);
  return table([
    ['', ...ks.map((k) => `Recall@${k}`)],
    [name, ...ks.map((k) => recall[k]!.toFixed(4))],
  ]);
}

export const evalStages: Record<EvalStage, string> = {
  check: 'checking images',
  embed: 'embedding images',
  search: 'searching neighbors',
  cluster: 'clustering, round',
};
