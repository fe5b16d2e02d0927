/** What ONNX Runtime's CUDA kernels do less well than the CPU's (facts of 1.29). */
import type { Visited } from './nodes.js';
import { elementsOf } from './nodes.js';

/** Places on an axis from which its table, of 8 bytes a place, counts. */
const longAxis = 1e5;
/** Taps of a kernel that cuDNN's fast engines do not go beyond. */
const mostTaps = 121;

const list = (value: unknown): readonly number[] => (Array.isArray(value) ? (value as number[]) : []);

/** Whether what is added in front differs from what is added behind. */
function isLopsided({ attributes }: Visited): boolean {
  const pads = list(attributes['pads']);
  return pads.slice(0, pads.length / 2).some((pad, i) => pad !== pads[i + pads.length / 2]);
}

const axesOf = ({ inputs }: Visited): number[] => {
  const rank = inputs[0]!.shape.length;
  const given = inputs[1]?.data ?? inputs[0]!.shape.keys();
  return Array.from(given, (axis) => (axis < 0 ? axis + rank : axis)).sort((a, b) => a - b);
};

/** Blocks that add into one column: `reduce_matrix_rows` in reduction_functions.cu. */
function blocksOfAColumn(rows: number, columns: number): number {
  const power = (n: number): number => 2 ** Math.ceil(Math.log2(Math.max(1, n)));
  const threads = power(Math.min(columns, 32));
  const rowsOfABlock = power(Math.max(1, Math.min(Math.floor(512 / threads), Math.floor(rows / 4))));
  const across = Math.max(1, Math.min(Math.floor(columns / threads), 512));
  return Math.max(1, Math.min(Math.floor(512 / across), Math.floor(rows / rowsOfABlock / 4)));
}

function addsInAnyOrder(node: Visited): boolean {
  const [x] = node.inputs;
  const axes = axesOf(node);
  const isLeading = axes.every((axis, i) => axis === i) && axes.length < x!.shape.length;
  const rows = axes.reduce((product, axis) => product * Number(x!.shape[axis]), 1);
  return isLeading && blocksOfAColumn(rows, elementsOf(x!) / rows) > 1;
}

const sums = ['ReduceSum', 'ReduceMean', 'ReduceSumSquare', 'ReduceL2'];

interface Limit {
  types: readonly string[];
  holds: (node: Visited) => boolean;
}

/** By what a node that has it costs or risks. */
export const limits: Readonly<Record<string, Limit>> = {
  'a tensor of 2^31 elements or more': {
    types: [],
    holds: ({ inputs, outputs }) => [...inputs, ...outputs].some((value) => value && elementsOf(value) >= 2 ** 31),
  },
  'a table of 8 bytes for each place of a long axis': {
    types: ['Split', 'Concat'],
    holds: ({ type, attributes, inputs, outputs }) => {
      const whole = type === 'Concat' ? outputs[0]! : inputs[0]!;
      const axis = Number(attributes['axis'] ?? 0);
      return Number(whole.shape.at(axis)) > longAxis;
    },
  },
  'padding that is not the same in front and behind, which runs on the CPU': {
    types: ['Conv', 'ConvTranspose'],
    holds: isLopsided,
  },
  'a kernel as large as an image': {
    types: ['Conv'],
    holds: ({ inputs }) =>
      inputs[1]!.shape.slice(2).reduce<number>((product, dim) => product * Number(dim), 1) > mostTaps,
  },
  'values that scatter and add in any order': {
    types: ['ScatterElements', 'ScatterND'],
    holds: ({ attributes }) => (attributes['reduction'] ?? 'none') !== 'none',
  },
  'sums over leading axes in any order': { types: sums, holds: addsInAnyOrder },
  'sums over axes that are apart': {
    types: sums,
    holds: (node) => axesOf(node).some((axis, i, axes) => i > 0 && axis !== axes[i - 1]! + 1),
  },
  'sums by one thread an element': { types: ['CumSum'], holds: () => true },
  "ONNX Runtime's own max-pooling in place of cuDNN's": {
    types: ['MaxPool'],
    holds: ({ outputs }) => outputs.length > 1,
  },
};

/** Those that a node has. */
export const limitsOf = (node: Visited): string[] =>
  Object.entries(limits)
    .filter(([, { types, holds }]) => (types.length === 0 || types.includes(node.type)) && holds(node))
    .map(([what]) => what);
