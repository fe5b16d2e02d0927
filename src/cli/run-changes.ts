/** What differs between two runs, in lines for people. */
import { printableName } from '../runner/base/printable-name.js';
import type { Change } from '../runner/reproduce/changes.js';
import type { CurveComparison, CurveDifference } from '../runner/reproduce/curves.js';
import type { CheckpointDifference, LayoutDifference } from '../runner/reproduce/tensors.js';
import { count, counted } from './format.js';

const mostDetails = 10;

const indented = (lines: readonly string[]): string[] => lines.map((line) => `  ${line}`);

/** Each on a line, and under it the first of the many things that it is. */
export const changeLines = (changes: readonly Change[]): string[] =>
  changes.flatMap(({ name, was, now, details = [] }) => [
    `${name}: ${was} -> ${now}`,
    ...indented(details.slice(0, mostDetails)),
    ...(details.length > mostDetails ? indented([`and ${count(details.length - mostDetails)} more`]) : []),
  ]);

/** Of the kind that floating point makes: 1.2e-7. */
const small = (value: number): string => value.toExponential(1);

const shown = (value: number | null): string => (value === null ? 'not finite' : String(value));

/** Where two curves part: `the loss of step 12 is 1.25, was 1.5`. */
export const differenceText = ({ what, step, a, b }: CurveDifference): string =>
  `${what} ${what.startsWith('Recall') ? 'after' : 'of'} step ${step}: ${shown(a)} -> ${shown(b)}`;

/** @param names of the two */
export function curveLines(
  { steps, evaluations, first, largest, onlyA, onlyB }: CurveComparison,
  [a, b]: [string, string],
): string[] {
  const compared = `${counted(steps, 'step')} and ${counted(evaluations, 'evaluation')}`;
  const only = [
    ...(onlyA > 0 ? [`${counted(onlyA, 'step')} only in ${a}`] : []),
    ...(onlyB > 0 ? [`${counted(onlyB, 'step')} only in ${b}`] : []),
  ];
  if (!first) return [`the same in ${compared}`, ...only];
  const furthest = largest && `largest difference of a loss: ${small(largest.relative)} of it, at step ${largest.step}`;
  return [`the first difference in ${compared}: ${differenceText(first)}`, ...(furthest ? [furthest] : []), ...only];
}

const mostTensors = 3;

/** @param names of the two */
function layoutText({ onlyA, onlyB }: LayoutDifference, [a, b]: [string, string]): string {
  const sides = [
    { tensors: onlyA, name: a },
    { tensors: onlyB, name: b },
  ].filter(({ tensors }) => tensors.length > 0);
  const texts = sides.map(({ tensors, name }) => {
    const more = tensors.length > mostTensors ? ` and ${count(tensors.length - mostTensors)} more` : '';
    return `${tensors.slice(0, mostTensors).map(printableName).join(', ')}${more} only in ${name}`;
  });
  return texts.length > 0 ? texts.join('; ') : 'the same ones in another order';
}

/** In one line. @param names of the two */
export function tensorText(
  { metadata, layout, first, differing, tensors }: CheckpointDifference,
  names: [string, string],
): string {
  if (layout !== undefined) return `other tensors: ${layoutText(layout, names)}`;
  const entries = metadata.length > 0 ? `other ${metadata.map(printableName).join(', ')}; ` : '';
  if (!first) return entries === '' ? 'the same' : `${entries}the same tensors`;
  const { name, values, largest } = first;
  return (
    `${entries}${differing} of ${counted(tensors, 'tensor')} differ, the first ${printableName(name)} in ${count(first.differing)} of ` +
    `${counted(values, 'value')}, by ${small(largest)} at most`
  );
}
