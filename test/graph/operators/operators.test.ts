import { Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../../src/graph/builder/builder.js';
import { gradients } from '../../../src/graph/builder/gradients.js';
import type { OperatorName } from '../../../src/graph/onnx/names.js';
import { operatorNames } from '../../../src/graph/onnx/names.js';
import type { Value } from '../../../src/graph/onnx/nodes.js';
import { encodeModel } from '../../../src/graph/onnx/schema.js';
import type { Attributes } from '../../../src/graph/onnx/types.js';
import { operators } from '../../../src/graph/operators/index.js';
import { Philox } from '../../../src/graph/state/philox.js';
import type { Build } from '../../helpers/graphs.js';
import { evaluate, expectGradients, runModel } from '../../helpers/graphs.js';
import { Draw } from './cases/draw.js';
import { generators } from './cases/index.js';

const withGradient = (kind: 'zero' | 'none') => operatorNames.filter((name) => kind in operators[name].gradient);

/** A random node of an operator on inputs that are watched where they can be. */
function node(g: GraphBuilder, name: OperatorName): { inputs: Value[]; y: Value } {
  const { inputs, attributes, outputs = 1 } = generators[name](new Draw(new Philox(3, 'init')));
  const values = inputs.map((x, i) => {
    if (x === null || typeof x === 'number') return null;
    const value = g.input(`x${i}`, x.dtype, x.shape);
    return x.dtype === 'float32' ? g.watch(value) : value;
  });
  const [y] = g.scope('layer.3', () => g.ops(name, values, attributes ?? {}, outputs));
  return { inputs: values.filter((x) => x !== null), y: y! };
}

describe('operators without a gradient', () => {
  const continuous = withGradient('zero').filter((name) => !['And', 'BitShift', 'Or', 'Not'].includes(name));

  it.each(continuous)('%s is silent, and named as where the way ends', (name) => {
    const g = new GraphBuilder();
    const { inputs, y } = node(g, name);
    expect(y.tracked).toBe(false);
    const loss = g.op('ReduceSum', [g.op('Cast', [y], { to: 'float32' })], { keepdims: 0 });
    expect(() => gradients(g, loss, [inputs[0]!])).toThrow(`no gradient passes ${name} at layer.3`);
  });

  it.each<[OperatorName, (g: GraphBuilder, x: Value) => Value[]]>([
    ['TopK', (g, x) => g.ops('TopK', [x, g.ints([2])], { axis: 3 }, 2)],
    ['MaxPool', (g, x) => g.ops('MaxPool', [x], { kernel_shape: [2, 2] }, 2)],
  ])('the indices of %s are named as where the way ends, its other output is no end', (name, build) => {
    const g = new GraphBuilder();
    const x = g.watch(g.input('x', 'float32', [1, 2, 3, 3]));
    const [values, indices] = g.scope('layer.3', () => build(g, x));
    const sum = (y: Value) => g.op('ReduceSum', [g.op('Cast', [y], { to: 'float32' })], { keepdims: 0 });
    expect(() => gradients(g, sum(indices!), [x])).toThrow(`no gradient passes ${name} at layer.3`);
    expect(() => gradients(g, sum(values!), [x])).not.toThrow();
    expect(() => gradients(g, sum(g.untracked(() => g.op('Neg', [values!]))), [x])).toThrow('nothing that the loss');
  });

  it.each(withGradient('none'))('%s is an error with its name, place and what to do', (name) => {
    const g = new GraphBuilder();
    expect(() => node(g, name)).toThrow(new RegExp(`${name} at layer\\.3 has no gradient rule.*x0.*g\\.stopGradient`));
  });

  it.each(withGradient('none'))('%s is none behind stopGradient and inside of untracked', (name) => {
    const g = new GraphBuilder();
    expect(g.untracked(() => node(g, name)).y.tracked).toBe(false);
    const x = g.watch(g.input('y', 'float32', [2]));
    expect(g.stopGradient(x).tracked).toBe(false);
  });

  it('a cast to integers ends the way, one of floating-point types does not', async () => {
    const g = new GraphBuilder();
    const x = g.watch(g.input('x', 'float32', [2]));
    expect(g.op('Cast', [x], { to: 'int32' }).tracked).toBe(false);
    const half = g.op('Cast', [x], { to: 'float16' });
    const back = g.op('Cast', [half], { to: 'float32' });
    const loss = g.op('ReduceSum', [g.op('Mul', [back, back])], { keepdims: 0 });
    g.output('d', gradients(g, loss, [x])[0]!);
    const out = await runModel(encodeModel(g.model('g')), { x: new Tensor('float32', [1.5, -2], [2]) });
    expect(Array.from(out['d']!.data as Float32Array)).toEqual([3, -4]);
  });
});

describe('what a row does not support is an error', () => {
  const g = new GraphBuilder();
  const image = g.input('image', 'float32', [1, 2, 4, 4]);
  const weight = g.input('weight', 'float32', [2, 2, 3, 3]);
  const matrix = g.input('matrix', 'float32', [2, 3]);
  const flags = g.input('flags', 'bool', [2, 3]);
  const indices = g.input('indices', 'int64', [2]);
  const ints = (...values: number[]) => g.ints(values);
  const wrong: [string, OperatorName, (Value | null)[], Attributes, RegExp][] = [
    ['too many inputs', 'Exp', [matrix, matrix], {}, /2 inputs are too many; it has 1/],
    ['too few inputs', 'Add', [matrix], {}, /input 1 is missing/],
    ['a left-out input that must be there', 'MatMul', [null, matrix], {}, /input 0 is missing/],
    ['another type', 'Add', [matrix, indices], {}, /element types differ: float32, int64/],
    ['a condition of numbers', 'Where', [matrix, matrix, matrix], {}, /input 0 is float32; wanted: bool/],
    ['choices of two types', 'Where', [flags, matrix, g.scalar(1, 'int64')], {}, /element types differ/],
    ['a missing attribute', 'Cast', [matrix], {}, /attribute to is missing/],
    ['auto_pad of another kind', 'Conv', [image, weight], { auto_pad: 'SAME' }, /auto_pad is SAME; wanted: NOTSET/],
    [
      'auto_pad and pads',
      'Conv',
      [image, weight],
      { auto_pad: 'SAME_UPPER', pads: [1, 1, 1, 1] },
      /has pads and auto_pad/,
    ],
    [
      'auto_pad with dilations',
      'Conv',
      [image, weight],
      { auto_pad: 'SAME_UPPER', dilations: [2, 2] },
      /no auto_pad SAME_UPPER with dilations; give pads \[2, 2, 2, 2\]/,
    ],
    [
      'an output_shape that is too large',
      'ConvTranspose',
      [image, weight],
      { output_shape: [9, 9] },
      /axis 2 comes to 6 elements, which are not 9/,
    ],
    ['a kernel that the weight has not', 'Conv', [image, weight], { kernel_shape: [2, 2] }, /has no kernel \[2, 2\]/],
    [
      'filters that do not divide',
      'Conv',
      [image, g.input('w', 'float32', [3, 1, 1, 1])],
      { group: 2 },
      /no multiple of 2/,
    ],
    ['a bias of another length', 'Conv', [image, weight, g.input('b', 'float32', [3])], {}, /bias \[3\] does not fit/],
    ['pads of another rank', 'MaxPool', [image], { kernel_shape: [2, 2], pads: [1, 1] }, /pads \[1,1\] do not fit/],
    ['dilated means', 'AveragePool', [image], { kernel_shape: [2, 2], dilations: [1, 1] }, /no attribute dilations/],
    [
      'a window in the padding',
      'MaxPool',
      [image],
      { kernel_shape: [2, 2], strides: [2, 2], pads: [2, 0, 0, 0] },
      /nothing but padding/,
    ],
    [
      'a window behind the image',
      'MaxPool',
      [image],
      { kernel_shape: [2, 2], strides: [2, 2], pads: [0, 0, 1, 1], ceil_mode: 1 },
      /begins behind/,
    ],
    [
      'batch statistics',
      'BatchNormalization',
      [image, ...Array<Value>(4).fill(indices)],
      { training_mode: 1 },
      /training_mode is not 0/,
    ],
    ['an axis twice', 'ReduceSum', [matrix, ints(0, -2)], {}, /stands twice/],
    ['axes that are not known', 'ReduceSum', [matrix, indices], {}, /axes must be constant/],
    ['an axis too far', 'Softmax', [matrix], { axis: 2 }, /axis 2 is out of range/],
    ['a 0 that is a size', 'Reshape', [matrix, ints(0, 6)], { allowzero: 1 }, /without elements are not supported/],
    ['a remainder that is none', 'Reshape', [matrix, ints(4, -1)], {}, /cannot be reshaped/],
    ['two remainders', 'Reshape', [matrix, ints(-1, -1)], {}, /cannot be reshaped/],
    ['sizes and a number of parts', 'Split', [matrix, ints(1, 1)], { num_outputs: 2 }, /either sizes or num_outputs/],
    ['neither', 'Split', [matrix], {}, /either sizes or num_outputs/],
    ['a step of 0', 'Slice', [matrix, ints(0), ints(1), ints(0), ints(0)], {}, /a step is 0/],
    ['ends without starts', 'Slice', [matrix, ints(0), ints(1, 1)], {}, /1 starts, 2 ends/],
    ['pads that crop everything', 'Pad', [matrix, ints(-1, 0, -2, 0)], {}, /nothing left of axis 0/],
    ['more than there are', 'TopK', [matrix, ints(4)], {}, /no 4 largest of 3/],
    ['indices that are no integers', 'Gather', [matrix, matrix], {}, /indices are float32/],
    ['indices of another rank', 'GatherElements', [matrix, indices], {}, /differ in rank/],
    ['bounds that are not scalars', 'Clip', [matrix, matrix], {}, /must be scalars/],
    ['a slope for other channels', 'PRelu', [matrix, ints(1, 2)], {}, /\[2\] do not broadcast/],
    ['a slope of more axes', 'PRelu', [matrix, image], {}, /broadcast/],
    ['a rest of what is no whole number', 'Mod', [matrix, matrix], {}, /attribute fmod 1/],
    [
      'a shift to nowhere',
      'BitShift',
      [g.input('u', 'uint8', [2]), g.input('v', 'uint8', [2])],
      {},
      /neither LEFT nor/,
    ],
    ['a scalar factor', 'MatMul', [matrix, g.scalar(1)], {}, /must have a dimension/],
    ['a scale of other axes', 'LayerNormalization', [matrix, g.input('s', 'float32', [2])], {}, /do not broadcast/],
    ['statistics of another type', 'LayerNormalization', [matrix, matrix], { axis: 0, stash_type: 11 }, /stash_type/],
    ['a third norm', 'LpNormalization', [matrix], { p: 3 }, /p is 3; wanted: 1, 2/],
    ['no neighbors', 'LRN', [image], {}, /size is missing/],
    ['blocks that are cut', 'SpaceToDepth', [image], { blocksize: 3 }, /no whole blocks of 3/],
    ['channels that make no block', 'DepthToSpace', [image], { blocksize: 2 }, /2 channels are no multiple of 4/],
    ['another order', 'DepthToSpace', [image], { blocksize: 1, mode: 'DRC' }, /mode is DRC; wanted: DCR, CRD/],
    ['repeats of other axes', 'Tile', [matrix, ints(2)], {}, /1 repeats for 2 axes/],
    ['a triangle of a line', 'Trilu', [indices], {}, /has no two axes/],
    ['wrapped pads', 'Pad', [matrix, ints(1, 1, 1, 1)], { mode: 'wrap' }, /mode is wrap; wanted/],
    ['more to reflect than there is', 'Pad', [matrix, ints(2, 0, 0, 0)], { mode: 'reflect' }, /too few to reflect 2/],
    ['neither scales nor sizes', 'Resize', [image], {}, /either scales or sizes/],
    ['sizes of other axes', 'Resize', [image, null, null, ints(2, 2)], {}, /2 sizes for 4 axes/],
    [
      'a crop',
      'Resize',
      [image, null, null, ints(1, 2, 8, 8)],
      { coordinate_transformation_mode: 'tf_crop_and_resize' },
      /supported: align_corners, asymmetric/,
    ],
    [
      'a kept ratio',
      'Resize',
      [image, null, null, ints(1, 2, 8, 8)],
      { keep_aspect_ratio_policy: 'not_larger' },
      /give the sizes/,
    ],
    ['an equation of more operands', 'Einsum', [matrix], { equation: 'ij,jk->ik' }, /is not of 1 operands/],
    ['no equation', 'Einsum', [matrix], {}, /attribute equation is missing/],
    ['letters of another rank', 'Einsum', [matrix], { equation: 'ijk->i' }, /ijk does not fit rank 2/],
    ['an axis from nowhere', 'Einsum', [matrix], { equation: 'ij->k' }, /no operand has axis k/],
    ['an axis of two sizes', 'Einsum', [matrix, matrix], { equation: 'ij,jk->ik' }, /axis j has 3 and 2 elements/],
    [
      'ellipses that differ',
      'Einsum',
      [matrix, image],
      { equation: '...ij,...jk->...ik' },
      /ellipses of different numbers/,
    ],
    ['too many indices', 'GatherND', [matrix, g.input('n', 'int64', [2, 3])], {}, /do not fit \[2, 3\]/],
    [
      'updates of another shape',
      'ScatterND',
      [matrix, g.input('m', 'int64', [2, 1]), g.input('f', 'float32', [2, 2])],
      {},
      /updates are \[2, 2\]; wanted: \[2, 3\]/,
    ],
  ];

  it.each(wrong)('%s: %s', (_what, name, inputs, attributes, message) => {
    expect(() => g.op(name, inputs, attributes)).toThrow(message);
    expect(() => g.op(name, inputs, attributes)).toThrow(new RegExp(`^${name}\\(`));
  });

  it('column-major indices', () =>
    expect(() => g.ops('MaxPool', [image], { kernel_shape: [2, 2], storage_order: 1 }, 2)).toThrow(
      /^MaxPool\(.*storage_order is 1: indices are row-major here/,
    ));

  it('more outputs than there are', () =>
    expect(() => g.ops('Exp', [matrix], {}, 2)).toThrow(/2 outputs are wanted; it has 1/));

  it.each<[string, string, (g: GraphBuilder, x: Value) => Value]>([
    [
      'reflection',
      'Pad',
      (g, x) => g.op('Pad', [g.op('Expand', [x, g.ints([3])]), g.ints([0, 0, 0, 1, 0, 0, 0, -1])], { mode: 'reflect' }),
    ],
    ['a diagonal', 'Einsum', (g, x) => g.op('Einsum', [g.op('Reshape', [x, g.ints([1, 1])])], { equation: 'ii->i' })],
    [
      'a long product',
      'ReduceProd',
      (g, x) => g.op('ReduceProd', [g.op('Expand', [g.op('Reshape', [x, g.ints([1])]), g.ints([5000])])]),
    ],
    ['a padded value', 'Pad', (g, x) => g.op('Pad', [g.scalar(1), g.ints([]), g.op('Reshape', [x, g.ints([])])])],
    [
      'a product',
      'ScatterElements',
      (g, x) => g.op('ScatterElements', [x, g.constant('int64', [1, 1, 1, 1], [0]), x], { reduction: 'mul' }),
    ],
    ['a bound', 'Clip', (g, x) => g.op('Clip', [g.input('v', 'float32', []), g.op('Reshape', [x, g.ints([])])])],
    [
      'three axes',
      'Conv',
      (g, x) =>
        g.op('Conv', [g.op('Reshape', [x, g.ints([1, 1, 1, 1, 1])]), g.constant('float32', [1, 1, 1, 1, 1], [1])]),
    ],
    [
      'nothing',
      'a composite operation',
      (g, x) =>
        g.differentiable(
          [x],
          g.untracked(() => g.op('Neg', [x])),
          () => [null],
        ),
    ],
  ])('gradients of %s: named with the place, and with what to do', (_what, name, build) => {
    const g = new GraphBuilder();
    const x = g.watch(g.input('x', 'float32', [1, 1, 1, 1]));
    const attempt = () => {
      const y = g.scope('layer.1', () => build(g, x));
      gradients(g, g.op('ReduceSum', [y], { keepdims: 0 }), [x]);
    };
    const advice = 'and a gradient has to flow through \\S+. Pass it through g.stopGradient if none is wanted.$';
    expect(attempt).toThrow(new RegExp(`gradient of ${name} at layer\\.1.*[^.], ${advice}`));
  });
});

describe('corners of the rules', () => {
  const cases: [string, Build, number[][], Float32Array[]?][] = [
    [
      'a 0 behind another Reshape',
      (g, x) => g.op('Reshape', [g.op('Reshape', [x!, g.ints([3, 8])]), g.ints([0, 2, 4])]),
      [[6, 4]],
    ],
    [
      'a -1 behind another Reshape',
      (g, x) => g.op('Reshape', [g.op('Reshape', [x!, g.ints([3, 8])]), g.ints([-1, 6])]),
      [[6, 4]],
    ],
    [
      'a Slice that takes nothing',
      (g, x) => g.op('Concat', [g.op('Slice', [x!, g.ints([2]), g.ints([1])]), x!], { axis: 0 }),
      [[3, 2]],
    ],
    [
      'a Slice that takes every third of nothing',
      (g, x) =>
        g.op('Concat', [g.op('Slice', [x!, g.ints([2]), g.ints([1]), g.ints([0]), g.ints([3])]), x!], { axis: 0 }),
      [[3, 2]],
    ],
    [
      '0 to a power',
      (g, x, b) => g.op('Pow', [x!, b!]),
      [[2, 2], [2]],
      [Float32Array.of(0, 0, 1, 2), Float32Array.of(2, 3)],
    ],
    [
      '0 to the power of a constant 0',
      (g, x) => g.op('Pow', [x!, g.constant('float32', [2], [0, 1])]),
      [[2]],
      [Float32Array.of(0, 0)],
    ],
    [
      'a Conv whose padding is wider than its kernel',
      (g, x, w) => g.op('Conv', [x!, w!], { pads: [1, 1, 1, 1] }),
      [
        [1, 5, 2, 3],
        [6, 5, 1, 1],
      ],
    ],
    [
      'a value that is condition and choice',
      (g, x) => g.op('Where', [g.op('Greater', [x!, g.scalar(0)]), g.op('Mul', [x!, x!]), x!]),
      [[3, 4]],
    ],
    [
      'one output of several, used twice',
      (g, x) => {
        const [, b] = g.ops('Split', [x!, g.ints([1, 2])], {}, 2);
        return g.op('Mul', [b!, b!]);
      },
      [[3, 2]],
    ],
  ];

  it.each(cases)('%s: gradients equal finite differences', async (_what, build, shapes, tensors) =>
    expectGradients(build, shapes, tensors),
  );

  it('equal elements share the gradient of a ReduceMax; of a Max the last gets it', async () => {
    const g = new GraphBuilder();
    const [a, b] = [g.watch(g.input('a', 'float32', [2])), g.watch(g.input('b', 'float32', [2]))];
    const loss = g.op('Add', [
      g.op('ReduceMax', [a], { keepdims: 0 }),
      g.op('ReduceSum', [g.op('Max', [a, b])], { keepdims: 0 }),
    ]);
    gradients(g, loss, [a, b]).forEach((d, i) => g.output(`d${i}`, d));
    const same = new Tensor('float32', [1, 1], [2]);
    const out = await runModel(encodeModel(g.model('g')), { a: same, b: same });
    expect([0, 1].map((i) => Array.from(out[`d${i}`]!.data as Float32Array))).toEqual([
      [0.5, 0.5],
      [1, 1],
    ]);
  });

  it('joined reshapes give the shape that each of them names', async () => {
    const y = await evaluate(
      (g, x) => g.op('Reshape', [g.op('Reshape', [x!, g.ints([3, 8])]), g.ints([0, 2, 4])]),
      [[6, 4]],
      [new Float32Array(24)],
    );
    expect(y.shape).toEqual([3, 2, 4]);
  });
});
