/** Two runs' metrics, step by step and bit for bit: JSON keeps every bit of a float32. */
import type { EvalMetrics, Metrics, StepMetrics } from '../training/metrics-file.js';
import { statisticsOf } from '../training/metrics-file.js';

export interface CurveDifference {
  /** Steps done. */
  step: number;
  /** 0-based. */
  epoch: number;
  /** `loss`, `pairs`, `gradient norm`, `Recall@4`. */
  what: string;
  /** Null where a number is not finite. */
  a: number | null;
  b: number | null;
}

export interface CurveComparison {
  /** Steps and evaluations that both have. */
  steps: number;
  evaluations: number;
  /** Of the first step, or evaluation, at which anything differs. */
  first: CurveDifference | undefined;
  /** The largest difference of two losses, relative to the larger one. */
  largest: { step: number; relative: number } | undefined;
  /** Steps that only one of them has. */
  onlyA: number;
  onlyB: number;
}

type Value = number | null | undefined;

const stepValues = (line: StepMetrics): [string, Value][] => [
  ['loss', line.loss],
  ...statisticsOf(line),
  ['gradient norm', line.gradient_norm],
  ['loss scale', line.loss_scale],
];

const evalValues = ({ recall }: EvalMetrics): [string, Value][] =>
  Object.entries(recall).map(([k, value]) => [`Recall@${k}`, value]);

const valuesOf = (line: Metrics): [string, Value][] => (line.kind === 'step' ? stepValues(line) : evalValues(line));

const keyOf = ({ kind, step }: Metrics): string => `${kind} ${step}`;

/** The first value that differs of a line that both runs have; a gradient norm only one has is no difference. */
export function lineDifference(a: Metrics, b: Metrics): CurveDifference | undefined {
  const others = new Map(valuesOf(b));
  const differing = valuesOf(a).find(([what, value]) => {
    const other = others.get(what);
    return value !== undefined && other !== undefined && value !== other;
  });
  if (!differing) return undefined;
  const [what, value] = differing;
  return { step: a.step, epoch: a.epoch, what, a: value!, b: others.get(what)! };
}

/** |a - b| relative to the larger; 0 for equal ones, Infinity where one alone is not finite. */
export function relativeDifference(a: number | null, b: number | null): number {
  if (a === b) return 0;
  return a === null || b === null ? Infinity : Math.abs(a - b) / Math.max(Math.abs(a), Math.abs(b));
}

/** The lines of one kind and step, for runs to be compared with. */
export const curveOf = (lines: readonly Metrics[]): Map<string, Metrics> =>
  new Map(lines.map((line) => [keyOf(line), line]));

export const lineLike = (curve: ReadonlyMap<string, Metrics>, line: Metrics): Metrics | undefined =>
  curve.get(keyOf(line));

/** @param until the last step that is looked at */
export function compareCurves(a: readonly Metrics[], b: readonly Metrics[], until = Infinity): CurveComparison {
  const within = (lines: readonly Metrics[]) => lines.filter(({ step }) => step <= until);
  const [mine, other] = [curveOf(within(a)), curveOf(within(b))];
  const pairs = [...mine].flatMap(([key, line]): [Metrics, Metrics][] => {
    const match = other.get(key);
    return match ? [[line, match]] : [];
  });
  const isStep = ({ kind }: Metrics) => kind === 'step';
  const stepsOf = (curve: Map<string, Metrics>) => [...curve.values()].filter(isStep).length;
  const stepPairs = pairs.filter(([line]) => isStep(line)) as [StepMetrics, StepMetrics][];
  let largest: CurveComparison['largest'];
  for (const [one, two] of stepPairs) {
    const relative = relativeDifference(one.loss, two.loss);
    if (relative > (largest?.relative ?? 0)) largest = { step: one.step, relative };
  }
  const differences = pairs.flatMap(([one, two]) => lineDifference(one, two) ?? []);
  return {
    steps: stepPairs.length,
    evaluations: pairs.length - stepPairs.length,
    first: differences.sort((x, y) => x.step - y.step)[0],
    largest,
    onlyA: stepsOf(mine) - stepPairs.length,
    onlyB: stepsOf(other) - stepPairs.length,
  };
}
