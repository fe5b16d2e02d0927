/** Charts by uPlot. */
import uPlot from 'uplot';
import type { Chart, Look, Series } from './data.js';
import type { Theme } from './theme.js';
import { currentTheme, pale } from './theme.js';

export interface Drawn {
  /** With the colors and the room that there are now. */
  redraw(): void;
}

const looks: Record<Look, (color: string) => Partial<uPlot.Series>> = {
  line: (color) => ({ stroke: color, width: 2 }),
  pale: (color) => ({ stroke: pale(color, 0.35), width: 1 }),
  dashed: (color) => ({ stroke: color, width: 2, dash: [6, 5] }),
  area: (color) => ({ stroke: color, width: 2, fill: pale(color, 0.18) }),
  bars: (color) => ({
    ...{ stroke: color, width: 0, fill: pale(color, 0.75) },
    paths: uPlot.paths.bars!({ size: [0.92, 100] }),
  }),
};

const shown = (value: number | null | undefined, digits: number): string =>
  value === null || value === undefined
    ? ''
    : value.toLocaleString('en-US', { maximumFractionDigits: digits, minimumFractionDigits: Math.min(digits, 3) });

/** Numbers on an axis: no more digits than tell them apart. */
const tick = (value: number | null): string =>
  value === null
    ? ''
    : Math.abs(value) > 0 && Math.abs(value) < 1e-3
      ? value.toExponential(0)
      : value.toLocaleString('en-US', { maximumFractionDigits: 4 });

function seriesOf({ label, look, color }: Series, { palette }: Theme, digits: number, isAlone: boolean): uPlot.Series {
  return {
    label,
    ...looks[look](palette[color % palette.length]!),
    // A line of one value is none: it is a point.
    points: { show: isAlone },
    value: (_, value) => shown(value, digits),
  };
}

/** On an axis of whole numbers there is nothing between two of them. */
const wholeSteps = [1, 2, 5]
  .flatMap((digit) => Array.from({ length: 9 }, (_, power) => digit * 10 ** power))
  .sort((a, b) => a - b);

/** Lines at powers of ten alone. */
const onlyDecades: uPlot.Axis.Filter = (_, splits) =>
  splits.map((split) => (Number.isInteger(Math.round(Math.log10(split) * 1e6) / 1e6) ? split : null));

const axisOf = (label: string, { soft, line, font }: Theme, size: number): uPlot.Axis => ({
  label,
  labelFont: font,
  labelSize: 22,
  font,
  stroke: soft,
  size,
  grid: { stroke: line, width: 1 },
  ticks: { stroke: line, width: 1, size: 5 },
  values: (_, values) => values.map(tick),
});

/** Draws the chart's vertical lines, each with its name at its top. */
function drawMarks(plot: uPlot, marks: NonNullable<Chart['marks']>, { soft, font }: Theme): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.strokeStyle = soft;
  ctx.fillStyle = soft;
  ctx.lineWidth = devicePixelRatio;
  ctx.font = font.replace('12px', `${11 * devicePixelRatio}px`);
  ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
  for (const { x, label } of marks) {
    const left = Math.round(plot.valToPos(x, 'x', true));
    ctx.beginPath();
    ctx.moveTo(left, bbox.top);
    ctx.lineTo(left, bbox.top + bbox.height);
    ctx.stroke();
    const width = ctx.measureText(label).width + 6 * devicePixelRatio;
    const fits = left + width < bbox.left + bbox.width;
    ctx.textAlign = fits ? 'left' : 'right';
    ctx.fillText(label, left + (fits ? 5 : -5) * devicePixelRatio, bbox.top + 12 * devicePixelRatio);
  }
  ctx.restore();
}

function optionsOf(chart: Chart, theme: Theme, size: { width: number; height: number }): uPlot.Options {
  const { x, xLabel, yLabel, series, marks = [], xRange, yRange, digits, log } = chart;
  const isAlone = x.length === 1;
  const isWhole = x.every(Number.isInteger);
  // Room for what the lines are called.
  const headroom = marks.length > 0 ? 1.2 : 1.06;
  const xEnds: uPlot.Range.MinMax = isAlone ? [x[0]! - 1, x[0]! + 1] : [x[0]!, x.at(-1)!];
  return {
    ...size,
    padding: [14, 12, 0, 0],
    series: [
      { label: xLabel, value: (_, value) => shown(value, isWhole ? 0 : 3) },
      ...series.map((entry) => seriesOf(entry, theme, digits, isAlone)),
    ],
    scales: {
      x: { time: false, range: () => xRange ?? xEnds },
      y: log ? { distr: 3 } : { range: yRange ? () => yRange : (_, __, high) => [0, high > 0 ? high * headroom : 1] },
    },
    axes: [
      { ...axisOf(xLabel, theme, 34), ...(isWhole && { incrs: wholeSteps }) },
      { ...axisOf(yLabel, theme, 56), ...(log && { grid: { stroke: theme.line, width: 1, filter: onlyDecades } }) },
    ],
    cursor: { drag: { x: false, y: false }, points: { size: 7 } },
    legend: { live: true },
    hooks: { draw: [(plot) => drawMarks(plot, marks, theme)] },
  };
}

const height = 280;

/** Draws a chart into a place, as wide as that is. */
export function drawChart(place: HTMLElement, chart: Chart): Drawn {
  let plot: uPlot | undefined;
  const size = () => ({ width: Math.max(240, place.clientWidth), height });
  const redraw = () => {
    plot?.destroy();
    const values = [chart.x, ...chart.series.map(({ values }) => values)] as uPlot.AlignedData;
    plot = new uPlot(optionsOf(chart, currentTheme(), size()), values, place);
  };
  redraw();
  new ResizeObserver(() => {
    if (plot && plot.width !== size().width) plot.setSize(size());
  }).observe(place);
  return { redraw };
}
