import { describe, expect, it } from 'vitest';
import { gradients } from '../../src/graph/autodiff.js';
import { GraphBuilder } from '../../src/graph/builder.js';
import { decodeModel, encodeModel } from '../../src/graph/onnx/schema.js';
import { add, mul } from '../../src/graph/ops/arithmetic.js';
import { runModel } from '../helpers/graphs.js';
import { Tensor } from 'onnxruntime-node';

describe('GraphBuilder', () => {
  it('names operator, shapes and place when shapes do not fit', () => {
    const g = new GraphBuilder();
    const [a, b] = [g.input('a', 'float32', [2, 3]), g.input('b', 'float32', [4, 3])];
    expect(() => g.scope('layer1.0', () => g.op('Add', [a, b]))).toThrow(
      /Add\(\[2, 3\], \[4, 3\]\) at layer1\.0: .*broadcast/,
    );
    expect(() => g.op('Gemm', [a, b])).toThrow(/inner dimensions differ: 3 and 4/);
    expect(() => g.op('Reshape', [a, g.ints([5])])).toThrow(/cannot be reshaped/);
    expect(() => g.op('Concat', [a, g.input('c', 'float32', [2])], { axis: 0 })).toThrow(/Concat/);
  });

  it('refuses operators without a shape rule', () => {
    const g = new GraphBuilder();
    expect(() => g.op('Foo', [])).toThrow(/Foo has no shape rule/);
  });

  it('puts the place in the model into node names', () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'float32', [2]);
    g.output(
      'y',
      g.scope('layer3.2', () => g.scope('conv1', () => g.op('Relu', [x]))),
    );
    expect(g.graph('g').node.map(({ name }) => name)).toContain('layer3/2/conv1/Relu');
  });

  it('shares equal constants and leaves out what nothing uses', () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'float32', [2]);
    g.op('Exp', [g.op('Mul', [x, g.scalar(3)])]);
    g.output('y', g.op('Add', [g.op('Add', [x, g.scalar(2)]), g.scalar(2)]));
    const graph = g.graph('g');
    expect(graph.initializer).toHaveLength(1);
    expect(graph.node.map(({ opType }) => opType)).toEqual(['Add', 'Add', 'Identity']);
  });

  it('emits the same bytes for the same calls, and reads them back', () => {
    const make = () => {
      const g = new GraphBuilder();
      g.output('y', g.op('Relu', [g.op('Mul', [g.input('x', 'float32', ['n', 2]), g.scalar(-1.5)])]));
      return encodeModel(g.model('g', { key: 'value' }));
    };
    expect(make()).toEqual(make());
    const model = decodeModel(make());
    expect(model.graph.input[0]!.type.tensorType.shape.dim).toEqual([{ dimParam: 'n' }, { dimValue: 2 }]);
    expect(model.opsetImport[0]!.version).toBe(18);
    expect(model.metadataProps).toEqual([{ key: 'key', value: 'value' }]);
    expect(encodeModel(model)).toEqual(make());
  });

  it('runs a loop whose body reads values around it', async () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'float32', [2]);
    const { carried, collected } = g.loop(
      g.scalar(3, 'int64'),
      [x],
      (body, _i, [sum]) => {
        const next = body.op('Add', [sum!, x]);
        return { carried: [next], collected: [body.op('ReduceSum', [next], { keepdims: 0 })] };
      },
      'steps',
    );
    g.output('y', carried[0]!);
    g.output('sums', collected[0]!);
    const out = await runModel(encodeModel(g.model('g')), { x: new Tensor('float32', Float32Array.of(1, 2), [2]) });
    expect(Array.from(out['y']!.data as Float32Array)).toEqual([4, 8]);
    expect(Array.from(out['sums']!.data as Float32Array)).toEqual([6, 9, 12]);
  });
});

describe('gradients', () => {
  it('adds what reaches a value from its several uses', async () => {
    const g = new GraphBuilder();
    const x = g.watch(g.input('x', 'float32', []));
    g.output('d', gradients(g, add(g, mul(g, x, x), x), [x])[0]!);
    const out = await runModel(encodeModel(g.model('g')), { x: new Tensor('float32', [3], []) });
    expect(out['d']!.data[0]).toBe(7);
  });

  it('computes nothing for tensors that need no gradient', () => {
    const g = new GraphBuilder();
    const [x, w] = [g.input('x', 'float32', []), g.watch(g.input('w', 'float32', []))];
    g.output('d', gradients(g, mul(g, x, w), [w])[0]!);
    expect(g.graph('g').node.filter(({ opType }) => opType === 'Mul')).toHaveLength(1);
  });

  it('says when the loss does not depend on a target', () => {
    const g = new GraphBuilder();
    const [x, w] = [g.watch(g.input('x', 'float32', [])), g.watch(g.input('w', 'float32', []))];
    expect(() => gradients(g, mul(g, x, x), [w])).toThrow(/does not depend on w/);
  });
});
