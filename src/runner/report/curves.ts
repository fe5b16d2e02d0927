/** A run's metrics as curves of a bounded number of points. */
import type { EvalMetrics, Metrics, StepMetrics } from '../training/metrics-file.js';
import { ratesOf, statisticsOf } from '../training/metrics-file.js';
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

/** Colors of a chart's lines are numbered so far. */
const colors = 6;

/** A chart of each of the loss's statistics, by its name. */
const statisticCharts = (first: StepMetrics | undefined): Record<string, StepChart> =>
  Object.fromEntries(
    (first ? statisticsOf(first) : []).map(([name]) => {
      const value = (step: StepMetrics) => step[name] as Value;
      const digits = name === 'pairs' ? 0 : 4;
      return [name, { yLabel: name, digits, isNoisy: true, curves: [{ label: name, color: 1, value }] }];
    }),
  );

/** The network's learning rate and those of the loss's parameters. A logarithmic axis has no place for 0. */
const rateChart = (first: StepMetrics | undefined): StepChart => ({
  yLabel: 'learning rate',
  digits: 6,
  isNoisy: false,
  log: true,
  curves: [
    { label: 'network', color: 0, value: ({ lr }) => lr || null },
    ...(first ? ratesOf(first) : []).map(([name], i) => ({
      label: name,
      color: (i + 2) % colors,
      value: (step: StepMetrics) => (step[`lr_${name}`] as Value) || null,
    })),
  ],
});

const fixedCharts: Record<'loss' | 'gradient-norm' | 'loss-scale', StepChart> = {
  loss: {
    yLabel: 'loss',
    digits: 4,
    isNoisy: true,
    curves: [{ label: 'loss', color: 0, value: ({ loss }) => loss }],
  },
  'gradient-norm': {
    yLabel: 'length',
    digits: 3,
    isNoisy: true,
    curves: [{ label: 'gradient', color: 3, value: ({ gradient_norm }) => gradient_norm }],
  },
  'loss-scale': {
    yLabel: 'factor',
    digits: 0,
    log: true,
    isNoisy: false,
    curves: [{ label: 'loss scale', color: 4, value: ({ loss_scale }) => loss_scale }],
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
  const { loss, ...others } = fixedCharts;
  const stepCharts = { loss, ...statisticCharts(steps[0]), 'learning-rates': rateChart(steps[0]), ...others };
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
  // A resumed run may have been asked for others; keys that are numbers come in their order.
  const ks = Object.keys(Object.assign({}, ...all.map(({ recall }) => recall)) as EvalMetrics['recall']);
  const series = ks.map((k, i): Series => ({
    label: `Recall@${k}`,
    values: shown.map(({ recall }) => recall[k] ?? null),
    look: 'line',
    color: i % colors,
  }));
  const x = shown.map(({ epoch }) => epoch + 1);
  return { x, xLabel: 'epochs finished', yLabel: 'share of queries', series, yRange: [0, 1], digits: 3 };
}
