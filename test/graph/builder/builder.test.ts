import { describe, expect, it } from 'vitest';
import { gradients } from '../../../src/graph/builder/gradients.js';
import type { Value } from '../../../src/graph/builder/builder.js';
import { GraphBuilder } from '../../../src/graph/builder/builder.js';
import { decodeModel, encodeModel } from '../../../src/graph/onnx/schema.js';
import { add, mul } from '../../../src/graph/ops/arithmetic.js';
import { runModel } from '../../helpers/graphs.js';
import { Tensor } from 'onnxruntime-node';

describe('GraphBuilder', () => {
  it('says of a number, or of nothing, that it is no value', () => {
    const g = new GraphBuilder();
    const use = (x: unknown) => () => g.scope('loss', () => mul(g, g.scalar(1), x as Value));
    expect(use(2)).toThrow('Mul at loss: 2 is no value of a graph: write g.scalar(2)');
    expect(use(undefined)).toThrow('Mul at loss: undefined is no value of a graph');
  });

  it('refuses values of another graph, wherever they are used', () => {
    const [g, other] = [new GraphBuilder(), new GraphBuilder()];
    const [x, y] = [g.watch(g.input('x', 'float32', [])), other.watch(other.input('x', 'float32', []))];
    const message = 'x is a value of another graph';
    expect(() => g.scope('loss', () => mul(g, x, y))).toThrow(`Mul at loss: ${message}: make it with this g`);
    expect(() => g.op('Exp', [other.scalar(1)])).toThrow('const_0 is a value of another graph');
    expect(() => g.output('y', y)).toThrow(`output y: ${message}`);
    expect(() => g.watch(y)).toThrow(message);
    expect(() => gradients(g, mul(g, x, x), [y])).toThrow(message);
    expect(() => gradients(g, y, [x])).toThrow(message);
    expect(() => g.differentiable([y], g.scalar(1), () => [null])).toThrow(message);
    const body = (inner: GraphBuilder, value: Value) => ({ carried: [inner.op('Neg', [value])], collected: [] });
    const loop = (g: GraphBuilder, used: Value) =>
      g.loop(g.scalar(2, 'int64'), [g.scalar(1)], (inner) => body(inner, used), 'steps');
    expect(() => loop(g, y)).toThrow(message);
    expect(() => loop(g, g.stopGradient(x))).not.toThrow();
    let leaked: Value | undefined;
    g.loop(g.scalar(2, 'int64'), [g.scalar(1)], (inner, _i, [v]) => body(inner, (leaked = v!)), 'steps');
    expect(() => g.op('Neg', [leaked!])).toThrow('is a value of another graph');
  });

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

  it('refuses operators without a row in the table, also where types have been circumvented', () => {
    const g = new GraphBuilder();
    // @ts-expect-error: the type check refuses it first
    expect(() => g.op('Foo', [])).toThrow(/there is no operator Foo here: docs\/operators\.md/);
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

  it('follow nodes that are written with g.op: x x + exp(x) has 2 x + exp(x)', async () => {
    const g = new GraphBuilder();
    const x = g.watch(g.input('x', 'float32', [1, 3]));
    const squares = g.op('ReduceSum', [mul(g, x, x), g.ints([0, 1])]);
    const loss = add(g, squares, g.op('ReduceSum', [g.op('Exp', [x]), g.ints([0, 1])]));
    g.output('d', gradients(g, loss, [x])[0]!);
    const out = await runModel(encodeModel(g.model('g')), { x: new Tensor('float32', [1, 2, 3], [1, 3]) });
    const d = out['d']!.data as Float32Array;
    [1, 2, 3].forEach((v, i) => expect(d[i]).toBeCloseTo(2 * v + Math.exp(v), 5));
  });

  it('are the same when they are taken twice', async () => {
    const g = new GraphBuilder();
    const [x, w] = [g.watch(g.input('x', 'float32', [2, 3])), g.watch(g.input('w', 'float32', [3, 2]))];
    const loss = g.op('ReduceSum', [g.op('Tanh', [g.op('MatMul', [x, w])])], { keepdims: 0 });
    const both = [gradients(g, loss, [x, w]), gradients(g, loss, [w, x]).toReversed()];
    both.forEach((found, i) => found.forEach((d, j) => g.output(`d${i}${j}`, d)));
    const feed = (shape: number[]) => new Tensor('float32', [0.1, -0.2, 0.3, 0.4, 0.5, -0.6], shape);
    const out = await runModel(encodeModel(g.model('g')), { x: feed([2, 3]), w: feed([3, 2]) });
    expect(out['d10']!.data).toEqual(out['d00']!.data);
    expect(out['d11']!.data).toEqual(out['d01']!.data);
  });

  it('are those of values in between, too, and add up beyond them', async () => {
    const g = new GraphBuilder();
    const x = g.watch(g.input('x', 'float32', []));
    const square = mul(g, x, x);
    gradients(g, mul(g, square, x), [square, x]).forEach((d, i) => g.output(`d${i}`, d));
    const out = await runModel(encodeModel(g.model('g')), { x: new Tensor('float32', [3], []) });
    expect([out['d0']!.data[0], out['d1']!.data[0]]).toEqual([3, 27]);
  });

  it('end at what is watched behind stopGradient', async () => {
    const g = new GraphBuilder();
    const x = g.watch(g.input('x', 'float32', []));
    const leaf = g.watch(g.stopGradient(mul(g, x, x)));
    gradients(g, add(g, mul(g, leaf, leaf), x), [leaf, x]).forEach((d, i) => g.output(`d${i}`, d));
    const out = await runModel(encodeModel(g.model('g')), { x: new Tensor('float32', [3], []) });
    expect([out['d0']!.data[0], out['d1']!.data[0]]).toEqual([18, 1]);
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

  it('say where the way ends', () => {
    const g = new GraphBuilder();
    const [x, w] = [g.watch(g.input('x', 'float32', [])), g.input('w', 'float32', [])];
    const stopped = g.scope('head', () => g.stopGradient(mul(g, x, x)));
    expect(() => gradients(g, mul(g, stopped, w), [x])).toThrow('no gradient passes stopGradient at head');
    expect(() => gradients(g, mul(g, x, w), [w])).toThrow('w: it is not tracked; mark it with g.watch');
    const y = g.watch(g.input('y', 'float32', []));
    const hidden = () => g.untracked(() => mul(g, y, y));
    expect(() => gradients(g, hidden(), [y])).toThrow('nothing that the loss is made of is tracked');
    expect(() => gradients(g, mul(g, x, hidden()), [y])).toThrow(
      'nothing between it and the loss uses it outside of g.untracked',
    );
  });

  it('are of scalars', () => {
    const g = new GraphBuilder();
    const x = g.watch(g.input('x', 'float32', [2]));
    expect(() => gradients(g, mul(g, x, x), [x])).toThrow(/must be a float32 scalar; .* is float32 \[2\]/);
  });
});

describe('composite operations', () => {
  const square = (g: GraphBuilder, x: Value, slope: (dy: Value) => Value | null): Value => {
    const y = g.untracked(() => g.op('Mul', [x, x]));
    return g.differentiable([x], y, (dy) => [slope(dy)]);
  };

  it('have the gradient that they state, and none inside of untracked', async () => {
    const g = new GraphBuilder();
    const x = g.watch(g.input('x', 'float32', []));
    const shown = square(g, x, (dy) => g.op('Mul', [dy, g.op('Mul', [x, g.scalar(2)])]));
    const hidden = g.untracked(() => square(g, x, () => expect.fail('its gradient is asked for')));
    expect(hidden.tracked).toBe(false);
    g.output('d', gradients(g, mul(g, shown, hidden), [x])[0]!);
    const out = await runModel(encodeModel(g.model('g')), { x: new Tensor('float32', [3], []) });
    expect(out['d']!.data[0]).toBe(54);
    expect(g.tape.entries.map(({ name }) => name)).toEqual(['a composite operation', 'Mul', 'gradients']);
  });

  it('refuse an output that has a gradient, or is an input', () => {
    const g = new GraphBuilder();
    const x = g.watch(g.input('x', 'float32', []));
    const y = mul(g, x, x);
    const vjp = (dy: Value) => [dy];
    expect(() => g.differentiable([x], y, vjp)).toThrow(/has a gradient already: compute it inside of g\.untracked/);
    expect(() => g.differentiable([x], g.stopGradient(y), vjp)).toThrow(/has a gradient already/);
    expect(() => g.differentiable([x], x, vjp)).toThrow(/has a gradient already/);
    const b = g.input('b', 'float32', []);
    expect(() => g.differentiable([x, b], b, () => [null, null])).toThrow(/b is an input and the output/);
  });

  it('refuse a gradient that is missing or of another shape', () => {
    const g = new GraphBuilder();
    const x = g.watch(g.input('x', 'float32', []));
    const at = (slope: (dy: Value) => Value | null) => g.scope('head', () => square(g, x, slope));
    expect(() =>
      gradients(
        g,
        at(() => null),
        [x],
      ),
    ).toThrow(/gradient of a composite operation at head .* is missing/);
    const wide = at((dy) => g.op('Reshape', [dy, g.ints([1])]));
    expect(() => gradients(g, wide, [x])).toThrow(/with respect to x has shape \[1\]; wanted: \[\]/);
  });
});

describe('loops', () => {
  type Body = Parameters<GraphBuilder['loop']>[2];
  const loop = (g: GraphBuilder, carried: Value, body: Body) => g.loop(g.scalar(2, 'int64'), [carried], body, 'steps');

  it('refuse tracked values, carried or read from around them', () => {
    const g = new GraphBuilder();
    const [x, zero] = [g.watch(g.input('x', 'float32', [])), g.scalar(0)];
    const sum: Body = (body, _i, [before]) => ({ carried: [body.op('Add', [before!, x])], collected: [] });
    const message = /Loop\S* has no gradient rule, and a gradient has to flow through x.*g\.stopGradient/;
    expect(() => loop(g, x, (_body, _i, carried) => ({ carried, collected: [] }))).toThrow(message);
    expect(() => loop(g, zero, sum)).toThrow(message);
    expect(() => loop(g, zero, (_body, _i, carried) => ({ carried, collected: [x] }))).toThrow(message);
    expect(() => g.untracked(() => loop(g, zero, sum))).not.toThrow();
  });

  it('take gradients inside, and say where those from outside end', async () => {
    const g = new GraphBuilder();
    const x = g.watch(g.input('x', 'float32', []));
    const { carried } = loop(g, g.scalar(1), (body, _i, [w]) => {
      const weight = body.watch(w!);
      const cube = mul(body, mul(body, weight, weight), mul(body, weight, body.stopGradient(x)));
      return { carried: gradients(body, cube, [weight]), collected: [] };
    });
    g.output('w', carried[0]!);
    // 3 w^2 x: 6, then 216
    const out = await runModel(encodeModel(g.model('g')), { x: new Tensor('float32', [2], []) });
    expect(out['w']!.data[0]).toBe(216);
    expect(() => gradients(g, carried[0]!, [x])).toThrow('no gradient passes stopGradient');
  });
});
