/** Flat vectors whose tensors have sizes without a common divisor, cut and joined by runs of tensors that have one: see `rows.ts`. */
import type { GraphBuilder } from '../builder/builder.js';
import type { Value } from '../onnx/nodes.js';
import { elementCount, greatestDivisor } from '../onnx/types.js';
import { cut, join } from './rows.js';
import type { NamedShape } from './state.js';

/**
 * Places of an axis that may be copied more for a run less: where runs are cut out, each is a launch, and where they are joined, a pass
 * over the whole vector.
 */
export const worthALaunch = 2 ** 13;
export const worthAPass = 2 ** 17;

export interface Run {
  specs: NamedShape[];
  elements: number;
  /** Divides every size. */
  row: number;
}

/** Tensors next to each other, in runs: another one begins where going on would cost more places than a run less is worth. */
export function runsOf(specs: readonly NamedShape[], worth: number): Run[] {
  const runs: Run[] = [];
  const places = ({ elements, row }: Omit<Run, 'specs'>): number => elements / row;
  for (const spec of specs) {
    const elements = elementCount(spec.shape);
    const last = runs.at(-1);
    const joined = last && { elements: last.elements + elements, row: greatestDivisor(last.row, elements) };
    if (last && joined && places(joined) <= places(last) + 1 + worth) {
      Object.assign(last, joined);
      last.specs.push(spec);
    } else runs.push({ specs: [spec], elements, row: elements });
  }
  return runs;
}

/**
 * Cuts a flat vector into its tensors, by name and in their order. What is cut away of it is padding below zero: of Slices that share a
 * vector among them, ONNX Runtime makes one `Split` by elements (`GatherSliceToSplitFusion`, 1.29).
 */
export function fromRuns(g: GraphBuilder, flat: Value, runs: readonly Run[]): Map<string, Value> {
  const all = runs.reduce((sum, { elements }) => sum + elements, 0);
  let begin = 0;
  const tensors = runs.flatMap(({ specs, elements }): [string, Value][] => {
    const pads = g.ints([-begin, begin + elements - all]);
    begin += elements;
    const run = runs.length === 1 ? flat : g.op('Pad', [flat, pads]);
    const pieces = cut(
      g,
      run,
      specs.map(({ shape }) => elementCount(shape)),
    );
    return specs.map(({ name, shape }, i) => [name, g.op('Reshape', [pieces[i]!, g.ints(shape)])]);
  });
  return new Map(tensors);
}

/** Joins tensors to a flat vector. What a run is not in is -0 there, which changes no bit of what is added to it. */
export function toRuns(g: GraphBuilder, tensors: readonly Value[], runs: readonly Run[]): Value {
  if (!runs.length) return g.constant('float32', [0], []);
  const all = runs.reduce((sum, { elements }) => sum + elements, 0);
  let [first, begin] = [0, 0];
  const parts = runs.map(({ specs, elements }) => {
    const joined = join(g, tensors.slice(first, (first += specs.length)));
    const pads = g.ints([begin, all - begin - elements]);
    begin += elements;
    return runs.length === 1 ? joined : g.op('Pad', [joined, pads, g.scalar(-0)]);
  });
  return parts.reduce((sum, part) => g.op('Add', [sum, part]));
}
