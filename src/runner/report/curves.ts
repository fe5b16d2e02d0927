/** A run's metrics as curves of a bounded number of points. */
import type { EvalMetrics, Metrics, StepMetrics } from '../metrics.js';
import type { Chart, Series } from '../../report-page/data.js';

/** Points of a curve at most: more than a screen has columns for. */
const mostPoints = 800;

/** The share of the steps that a smoothed value is the mean of. */
const smoothedShare = 1 / 20;

type Value = number | null | undefined;

function meanOf(values: readonly Value[]): number | null {
  const known = values.filter((value) => typeof value === 'number');
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0) / known.length;
}

/** How many values a point stands for. */
const eachOf = (count: number, most = mostPoints): number => Math.ceil(count / most);

/** Means of as many neighbors as it takes to leave `most` values; those that are not there are left out of the mean. */
export function thinned(values: readonly Value[], most = mostPoints): (number | null)[] {
  const each = eachOf(values.length, most);
  if (each <= 1) return values.map((value) => value ?? null);
  return Array.from({ length: Math.ceil(values.length / each) }, (_, i) =>
    meanOf(values.slice(i * each, (i + 1) * each)),
  );
}

/** Each value's mean with its neighbors on both sides, as far as they go: `reach` of them. */
export const smoothed = (values: readonly Value[], reach: number): (number | null)[] =>
  values.map((_, i) => meanOf(values.slice(Math.max(0, i - reach), i + reach + 1)));

interface StepChart {
  yLabel: string;
  digits: number;
  /** Whether the mean of neighboring steps is drawn over the steps. */
  isNoisy: boolean;
  log?: true;
  curves: { label: string; color: number; value: (step: StepMetrics) => Value }[];
}

const stepCharts: Record<string, StepChart> = {
  loss: {
    yLabel: 'loss',
    digits: 4,
    isNoisy: true,
    curves: [{ label: 'loss', color: 0, value: ({ loss }) => loss }],
  },
  pairs: {
    yLabel: 'pairs',
    digits: 0,
    isNoisy: true,
    curves: [{ label: 'pairs', color: 1, value: ({ pairs }) => pairs }],
  },
  'learning-rates': {
    yLabel: 'learning rate',
    digits: 6,
    isNoisy: false,
    log: true,
    // A logarithmic axis has no place for 0.
    curves: [
      { label: 'network', color: 0, value: ({ lr }) => lr || null },
      { label: 'beta', color: 2, value: ({ lr_beta }) => lr_beta || null },
    ],
  },
  'gradient-norm': {
    yLabel: 'length',
    digits: 3,
    isNoisy: true,
    curves: [{ label: 'gradient', color: 3, value: ({ gradient_norm }) => gradient_norm }],
  },
};

function seriesOf({ isNoisy, curves }: StepChart, steps: readonly StepMetrics[]): Series[] {
  const each = eachOf(steps.length);
  const behind = each > 1 ? `each ${each} steps` : 'each step';
  return curves.flatMap(({ label, color, value }): Series[] => {
    const values = thinned(steps.map(value));
    if (values.every((entry) => entry === null)) return [];
    const reach = Math.floor((values.length * smoothedShare) / 2);
    if (!isNoisy || reach < 1) return [{ label, color, values, look: 'line' }];
    return [
      { label: `${label}, ${behind}`, color, values, look: 'pale' },
      { label: `${label}, mean`, color, values: smoothed(values, reach), look: 'line' },
    ];
  });
}

/** Charts over the steps, by name; those that nothing was written of are left out. */
export function stepCurves(metrics: readonly Metrics[]): Record<string, Chart> {
  const steps = metrics.filter((line) => line.kind === 'step');
  const x = thinned(steps.map(({ step }) => step)) as number[];
  return Object.fromEntries(
    Object.entries(stepCharts).flatMap(([name, chart]) => {
      const series = seriesOf(chart, steps);
      const { yLabel, digits, log } = chart;
      return series.length > 0 ? [[name, { x, xLabel: 'step', yLabel, digits, log, series }]] : [];
    }),
  );
}

/** Recall@k over the epochs; undefined where nothing was evaluated. */
export function recallCurves(metrics: readonly Metrics[]): Chart | undefined {
  const all = metrics.filter((line): line is EvalMetrics => line.kind === 'eval');
  if (all.length === 0) return undefined;
  const each = eachOf(all.length);
  const shown = all.filter((_, i) => i % each === 0 || i === all.length - 1);
  const series = Object.keys(all[0]!.recall).map((k, color): Series => ({
    label: `Recall@${k}`,
    values: shown.map(({ recall }) => recall[k] ?? null),
    look: 'line',
    color,
  }));
  const x = shown.map(({ epoch }) => epoch + 1);
  return { x, xLabel: 'epochs finished', yLabel: 'share of queries', series, yRange: [0, 1], digits: 3 };
}
