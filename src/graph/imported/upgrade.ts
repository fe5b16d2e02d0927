/**
 * Nodes of older versions of ONNX in the form that opset 18 gives them, by a table: operator -> the versions that changed it. Newer forms are
 * those of opset 18 with further attributes, or are writers of their own (`writers.ts`). https://github.com/onnx/onnx/blob/main/docs/Changelog.md
 */
import type { FileNode } from './model.js';
import type { NumberTensor } from './tensors.js';

export interface Upgrading {
  opset: number;
  /** Adds a tensor. @returns its name */
  tensor(value: NumberTensor): string;
}

type Rewrite = (node: FileNode, context: Upgrading) => FileNode;

interface Change {
  /** The first version that has another form: nodes of earlier ones are rewritten. */
  before: number;
  rewrite: Rewrite;
}

const without = (node: FileNode, ...names: readonly string[]): FileNode => ({
  ...node,
  attributes: Object.fromEntries(Object.entries(node.attributes).filter(([name]) => !names.includes(name))),
});

const ints = (values: readonly number[]): NumberTensor => ({ dtype: 'int64', shape: [values.length], data: values });
const float = (value: number): NumberTensor => ({ dtype: 'float32', shape: [], data: [value] });
const floats = (values: readonly number[]): NumberTensor => ({
  dtype: 'float32',
  shape: [values.length],
  data: values,
});

type Kind = (value: never) => NumberTensor;

/** Attributes that have become inputs, in the order of these from the second input on. */
const toInputs =
  (...moved: readonly (readonly [name: string, kind: Kind])[]): Rewrite =>
  (node, { tensor }) => {
    const inputs = [...node.inputs];
    moved.forEach(([name, kind], i) => {
      const value = node.attributes[name];
      if (value === undefined) return;
      while (inputs.length <= i + 1) inputs.push('');
      inputs[i + 1] = tensor(kind(value as never));
    });
    return { ...without(node, ...moved.map(([name]) => name)), inputs };
  };

const axesToInput = toInputs(['axes', ints]);

const set =
  (attributes: FileNode['attributes']): Rewrite =>
  (node) => ({ ...node, attributes: { ...attributes, ...node.attributes } });

/** Equal parts were what no sizes meant. */
const splitInParts: Rewrite = (node) =>
  node.inputs[1] ? node : { ...node, attributes: { num_outputs: node.outputs.length, ...node.attributes } };

/** Once sizes of its input were cut to a matrix at `axis`. */
const softmaxOfMatrix: Rewrite = set({ axis: 1, ofMatrix: 1 });

/** Once the second operand was laid to the axes from `axis` on, and `broadcast` asked for it. */
const besideAxis: Rewrite = (node) => without(node, 'broadcast', 'consumed_inputs');

/** Scales alone, from the corner. */
const fromCorner = { coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' };

const upsample: Rewrite = (node, context) => {
  const { inputs, ...rest } = node.attributes['scales'] ? toInputs(['scales', floats])(node, context) : node;
  return { ...set(fromCorner)({ ...rest, inputs: [inputs[0]!, '', inputs[1]!] }, context), type: 'Resize' };
};

const typeNames: Record<string, number> = {
  ...{ FLOAT: 1, UINT8: 2, INT8: 3, INT32: 6, INT64: 7, BOOL: 9, FLOAT16: 10, DOUBLE: 11 },
};

const castByName: Rewrite = (node) => {
  const { to } = node.attributes;
  return typeof to === 'string' ? { ...node, attributes: { to: typeNames[to] ?? 0 } } : node;
};

const slopeOfChannels: Rewrite = set({ ofChannels: 1 });

const reductions = ['L1', 'L2', 'LogSum', 'LogSumExp', 'Max', 'Mean', 'Min', 'Prod', 'SumSquare'];

const changes: Readonly<Record<string, readonly Change[]>> = {
  ...Object.fromEntries(
    ['Add', 'Sub', 'Mul', 'Div', 'Pow', 'And', 'Or'].map((type) => [type, [{ before: 7, rewrite: besideAxis }]]),
  ),
  ...Object.fromEntries(reductions.map((name) => [`Reduce${name}`, [{ before: 18, rewrite: axesToInput }]])),
  Cast: [{ before: 6, rewrite: castByName }],
  Clip: [{ before: 11, rewrite: toInputs(['min', float], ['max', float]) }],
  Concat: [{ before: 4, rewrite: set({ axis: 1 }) }],
  Dropout: [{ before: 12, rewrite: (node) => without(node, 'ratio', 'is_test') }],
  Gemm: [{ before: 7, rewrite: (node) => without(node, 'broadcast') }],
  Hardmax: [{ before: 13, rewrite: softmaxOfMatrix }],
  LogSoftmax: [{ before: 13, rewrite: softmaxOfMatrix }],
  Pad: [
    { before: 2, rewrite: toInputs(['paddings', ints]) },
    { before: 11, rewrite: toInputs(['pads', ints], ['value', float]) },
  ],
  PRelu: [{ before: 7, rewrite: slopeOfChannels }],
  ReduceSum: [{ before: 13, rewrite: axesToInput }],
  Reshape: [{ before: 5, rewrite: toInputs(['shape', ints]) }],
  Resize: [
    {
      before: 11,
      rewrite: (node, context) => set(fromCorner)({ ...node, inputs: [node.inputs[0]!, '', node.inputs[1]!] }, context),
    },
  ],
  Scatter: [{ before: Infinity, rewrite: (node) => ({ ...node, type: 'ScatterElements' }) }],
  Slice: [{ before: 10, rewrite: toInputs(['starts', ints], ['ends', ints], ['axes', ints]) }],
  Softmax: [{ before: 13, rewrite: softmaxOfMatrix }],
  Split: [
    { before: 13, rewrite: toInputs(['split', ints]) },
    { before: 18, rewrite: splitInParts },
  ],
  Squeeze: [{ before: 13, rewrite: axesToInput }],
  TopK: [{ before: 10, rewrite: toInputs(['k', (k: number) => ints([k])]) }],
  Unsqueeze: [{ before: 13, rewrite: axesToInput }],
  Upsample: [{ before: Infinity, rewrite: upsample }],
};

/** Attributes that change nothing of what a network that is not being trained gives. */
const idle: Readonly<Record<string, readonly string[]>> = {
  '': ['consumed_inputs'],
  BatchNormalization: ['momentum', 'training_mode', 'is_test'],
  Cast: ['saturate', 'round_mode'],
  Dropout: ['seed'],
  LayerNormalization: ['stash_type'],
  GroupNormalization: ['stash_type'],
  RMSNormalization: ['stash_type'],
  Resize: ['keep_aspect_ratio_policy', 'extrapolation_value'],
};

/** A node as opset 18 has it. */
export function upgraded(node: FileNode, context: Upgrading): FileNode {
  const rewrites = (changes[node.type] ?? []).filter(({ before }) => context.opset < before);
  const made = rewrites.reduce((current, { rewrite }) => rewrite(current, context), node);
  return without(made, ...idle['']!, ...(idle[made.type] ?? []));
}
