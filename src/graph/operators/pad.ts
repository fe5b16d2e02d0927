/** Padding of any mode. */
import type { OperatorName } from '../onnx/names.js';
import type { Nodes, Value } from '../onnx/nodes.js';
import { fixed } from '../onnx/nodes.js';
import type { Attributes } from '../onnx/types.js';
import { showShape } from '../onnx/types.js';
import type { Operator, OperatorInputs, ShapeRule } from './operator.js';
import { axesOf, constant, fail, input, known } from './operator.js';

/** Pads one axis by so many zeros in front and behind; negative numbers crop. */
export function padAxis(g: Nodes, x: Value, axis: number, before: number, after: number): Value {
  if (!before && !after) return x;
  const pads = [
    ...x.shape.map((_, i) => (i === axis ? before : 0)),
    ...x.shape.map((_, i) => (i === axis ? after : 0)),
  ];
  return g.op('Pad', [x, g.ints(pads)]);
}

/** What each axis gets in front and behind. */
function padsOf(inputs: OperatorInputs): { axis: number; before: number; after: number }[] {
  const { shape } = input(inputs, 0);
  const pads = constant(inputs, 1);
  const axes = inputs[3] ? axesOf(constant(inputs, 3), shape.length) : shape.map((_, i) => i);
  if (pads.length !== 2 * axes.length) fail(`${pads.length} pads for ${axes.length} axes of ${showShape(shape)}`);
  return axes.map((axis, i) => ({ axis, before: pads[i]!, after: pads[i + axes.length]! }));
}

const modeOf = ({ mode = 'constant' }: Attributes): string =>
  mode === 'constant' || mode === 'edge' || mode === 'reflect'
    ? mode
    : fail(`mode is ${String(mode)}; wanted: constant, edge, reflect`);

const padRule: ShapeRule = (inputs, attributes) => {
  const { dtype, shape } = input(inputs, 0);
  const isReflected = modeOf(attributes) === 'reflect';
  const out = [...shape];
  for (const { axis, before, after } of padsOf(inputs)) {
    if (before || after) out[axis] = known(shape[axis]) + before + after;
    if (typeof out[axis] === 'number' && out[axis] < 0) fail(`there is nothing left of axis ${axis}`);
    if (isReflected && Math.max(before, after, 0) > 0 && Math.max(before, after) >= known(shape[axis]))
      fail(`axis ${axis} has ${shape[axis]} elements: too few to reflect ${Math.max(before, after)}`);
  }
  return [{ dtype, shape: out }];
};

const sliceAxis = (g: Nodes, x: Value, axis: number, from: number, to: number): Value =>
  g.op('Slice', [x, g.ints([from]), g.ints([to]), g.ints([axis])]);

/** How what stands in the padding of an axis goes back to the elements that were copied there, which begin at `first`. */
const foldings: Record<
  string,
  { first: (before: number, size: number) => [front: number, behind: number]; fold: Fold }
> = {
  edge: {
    first: (_, size) => [0, size - 1],
    fold: (g, part, axis) => g.op('ReduceSum', [part, g.ints([axis])], { keepdims: 1 }),
  },
  reflect: {
    first: (after, size) => [1, size - 1 - after],
    fold: (g, part, axis) => g.op('Slice', [part, g.ints([-1]), g.ints([-(2 ** 31)]), g.ints([axis]), g.ints([-1])]),
  },
};
type Fold = (g: Nodes, part: Value, axis: number) => Value;

/** One axis: its middle, and what its two ends were copied from. */
function foldAxis(g: Nodes, y: Value, mode: string, { axis, before, after }: ReturnType<typeof padsOf>[number]): Value {
  if (before < 0 || after < 0) fail(`no rule for negative pads in mode ${mode}`);
  const size = fixed(y.shape)[axis]! - before - after;
  const { first, fold } = foldings[mode]!;
  const [front, behind] = first(after, size);
  const put = (from: number, to: number, at: number): Value => {
    const folded = fold(g, sliceAxis(g, y, axis, from, to), axis);
    return padAxis(g, folded, axis, at, size - at - (folded.shape[axis] as number));
  };
  const parts = [
    ...(before || after ? [sliceAxis(g, y, axis, before, before + size)] : [y]),
    ...(before ? [put(0, before, front)] : []),
    ...(after ? [put(before + size, before + size + after, behind)] : []),
  ];
  return parts.reduce((a, b) => g.op('Add', [a, b]));
}

export const pads = {
  /** Cropped where it was padded, and the other way round; copies go back to what they are copies of, axis by axis. */
  Pad: {
    inputs: [2, 4],
    shape: padRule,
    attributes: { mode: 'string' },
    gradient: ({ g, dy, x, attributes }) => {
      const mode = modeOf(attributes);
      const [, pads, , axes] = x;
      const cropped = () => {
        const back = g.ints(pads!.data!.map((pad) => -pad));
        return g.op('Pad', axes ? [dy, back, null, axes] : [dy, back]);
      };
      const folded = () => padsOf(x).reduce((y, pad) => foldAxis(g, y, mode, pad), dy);
      return [mode === 'constant' ? cropped : folded, null, null];
    },
  },
} satisfies Partial<Record<OperatorName, Operator>>;
