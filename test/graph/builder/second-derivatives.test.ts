/** Gradients of what `gradients` returns. */
import { Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import type { Value } from '../../../src/graph/builder/builder.js';
import { GraphBuilder } from '../../../src/graph/builder/builder.js';
import { gradients } from '../../../src/graph/builder/gradients.js';
import { operatorNames } from '../../../src/graph/onnx/names.js';
import { encodeModel } from '../../../src/graph/onnx/schema.js';
import { operators } from '../../../src/graph/operators/index.js';
import { add, exp, mul } from '../../../src/graph/ops/arithmetic.js';
import { conv2d } from '../../../src/graph/ops/conv.js';
import { l2Normalize } from '../../../src/graph/ops/linear.js';
import { batchNormFrozen, batchNormTraining } from '../../../src/graph/ops/norm.js';
import { adaptiveAvgPool2d } from '../../../src/graph/ops/pool.js';
import { gatherRows } from '../../../src/graph/ops/shape.js';
import { Philox } from '../../../src/graph/state/philox.js';
import type { Build } from '../../helpers/graphs.js';
import { expectGradients, randomTensor, runModel } from '../../helpers/graphs.js';
import { Draw } from '../operators/cases/draw.js';
import { generators } from '../operators/cases/index.js';

const sum = (g: GraphBuilder, x: Value): Value => g.op('ReduceSum', [x], { keepdims: 0 });

/** All gradients of sum(c y^2) + sum(x^2), as one vector: what second derivatives are taken of. */
function slopes(g: GraphBuilder, ys: readonly Value[], xs: readonly Value[]): Value {
  const terms = ys.map((y, i) => {
    const c = g.constant('float32', y.shape as number[], randomTensor(y.shape as number[], 50 + i));
    return sum(g, mul(g, mul(g, y, y), c));
  });
  const all = gradients(g, g.op('Sum', [...terms, ...xs.map((at) => sum(g, mul(g, at, at)))]), xs).map((d) =>
    g.op('Reshape', [d, g.ints([-1])]),
  );
  return g.op('Concat', all, { axis: 0 });
}

const x = (g: GraphBuilder) => g.watch(g.input('x', 'float32', [2]));

async function evaluated(g: GraphBuilder, y: Value, at = [2, 3]): Promise<number[]> {
  g.output('y', y);
  const out = await runModel(encodeModel(g.model('g')), { x: new Tensor('float32', at, [2]) });
  return Array.from(out['y']!.data as Float32Array);
}

describe('a gradient that is a part of a loss', () => {
  it('has one of its own: x times the derivative of x^3 has 9 x^2', async () => {
    const g = new GraphBuilder();
    const at = x(g);
    const [slope] = gradients(g, sum(g, mul(g, mul(g, at, at), at)), [at]);
    expect(await evaluated(g, gradients(g, sum(g, mul(g, slope!, at)), [at])[0]!)).toEqual([36, 81]);
  });

  it('has one where nothing else depends on the target, and with two values at once', async () => {
    const g = new GraphBuilder();
    const at = x(g);
    const other = g.watch(g.scalar(5));
    const [slope] = gradients(g, sum(g, mul(g, mul(g, at, at), other)), [at]);
    // sum((2 x other)^2): 8 x other^2, and by `other` 8 other sum(x^2)
    const [byX, byOther] = gradients(g, sum(g, mul(g, slope!, slope!)), [at, other]);
    expect(await evaluated(g, add(g, byX!, byOther!))).toEqual([8 * 2 * 25 + 520, 8 * 3 * 25 + 520]);
  });

  it('has a third, and a fourth: x^5 has 20 x^3, 60 x^2 and 120 x', async () => {
    const g = new GraphBuilder();
    const at = x(g);
    const squares = mul(g, at, at);
    let y = mul(g, mul(g, squares, squares), at);
    for (let i = 0; i < 4; i++) y = gradients(g, sum(g, y), [at])[0]!;
    expect(await evaluated(g, y)).toEqual([240, 360]);
  });

  it('counts equal gradients of several targets once each', async () => {
    const g = new GraphBuilder();
    const at = x(g);
    const [a, b] = [g.watch(g.scalar(1)), g.watch(g.scalar(2))];
    // Both have sum(x^2), which is one value.
    const [byA, byB] = gradients(g, mul(g, add(g, a, b), sum(g, mul(g, at, at))), [a, b]);
    expect(byA!.name).toBe(byB!.name);
    expect(await evaluated(g, gradients(g, add(g, byA!, mul(g, byB!, g.scalar(2))), [at])[0]!)).toEqual([12, 18]);
  });

  it('has none behind stopGradient, and inside of untracked', async () => {
    const g = new GraphBuilder();
    const at = x(g);
    const cube = sum(g, mul(g, mul(g, at, at), at));
    const stopped = g.stopGradient(gradients(g, cube, [at])[0]!);
    expect(g.untracked(() => gradients(g, cube, [at]))[0]!.tracked).toBe(false);
    expect(await evaluated(g, gradients(g, sum(g, mul(g, stopped, at)), [at])[0]!)).toEqual([12, 27]);
  });

  it('is told where it does not change with the target', () => {
    const g = new GraphBuilder();
    const at = x(g);
    const [slope] = g.scope('penalty', () =>
      gradients(g, sum(g, mul(g, at, g.constant('float32', [2], [3, 4]))), [at]),
    );
    const attempt = () => gradients(g, sum(g, mul(g, slope!, slope!)), [at]);
    expect(attempt).toThrow('x: what gradients returned at penalty does not change with it');
  });
});

describe('second derivatives of each operator', () => {
  const withRule = operatorNames.filter((name) => typeof operators[name].gradient === 'function');
  it.each(withRule)('%s: equal finite differences', async (name) => {
    for (let i = 0; i < 3; i++) {
      const {
        inputs,
        attributes = {},
        outputs = 1,
      } = generators[name](new Draw(new Philox(22, 'init', operatorNames.indexOf(name), i)));
      const places = inputs.flatMap((input, at) => {
        const isWatched = typeof input === 'object' && (input?.role === 'free' || input?.role === 'watched');
        return isWatched && input.dtype === 'float32' ? [at] : [];
      });
      if (places.length === 0) continue;
      const tensors = places.map((at) => inputs[at] as { shape: number[]; values: number[] });
      const build: Build = (g, ...xs) => {
        const values: (Value | null)[] = [];
        inputs.forEach((input, at) => {
          if (input === null || typeof input === 'number') return values.push(input === null ? null : values[input]!);
          const watched = xs[places.indexOf(at)];
          return values.push(watched ?? g.constant(input.dtype, input.shape, input.values));
        });
        const ys = g.ops(name, values, attributes, outputs).filter(({ tracked }) => tracked);
        return slopes(g, ys, xs);
      };
      await expectGradients(
        build,
        tensors.map(({ shape }) => shape),
        tensors.map(({ values }) => Float32Array.from(values)),
      );
    }
  });

  it.each<[string, Build, number[][]]>([
    ['gatherRows', (g, a) => gatherRows(g, a!, g.constant('int32', [3], [2, 0, 2])), [[4, 2]]],
    ['l2Normalize', (g, a) => l2Normalize(g, a!), [[3, 4]]],
    ['adaptiveAvgPool2d', (g, a) => adaptiveAvgPool2d(g, a!, [2, 3]), [[1, 2, 5, 4]]],
    [
      'exp of a product',
      (g, a, b) => exp(g, g.op('MatMul', [a!, b!])),
      [
        [2, 3],
        [3, 2],
      ],
    ],
    [
      'a convolution of stride 1, both of whose gradients come from one matrix',
      (g, a, w) => conv2d(g, a!, w!, null, { stride: [1, 1], padding: [1, 1] }, 'cpu'),
      [
        [5, 2, 9, 9],
        [2, 5, 3, 3],
      ],
    ],
  ])('%s: equal finite differences', async (_name, build, shapes) => {
    await expectGradients((g, ...xs) => slopes(g, [build(g, ...xs)], xs), shapes);
  });
});

describe('what has no second derivatives', () => {
  const vector = (g: GraphBuilder, length: number) =>
    g.constant('float32', [length], new Float32Array(length).fill(1.5));
  const params = (g: GraphBuilder) => {
    const v = vector(g, 2);
    return { weight: v, bias: v, runningMean: v, runningVar: v };
  };
  const square = (g: GraphBuilder, a: Value) =>
    g.differentiable(
      [a],
      g.untracked(() => mul(g, a, a)),
      (dy) => [
        mul(
          g,
          dy,
          g.untracked(() => mul(g, a, g.scalar(2))),
        ),
      ],
    );

  it.each<[string, string, (g: GraphBuilder, a: Value) => Value]>([
    ['batch statistics', 'a composite operation at head has no second', (g, a) => batchNormTraining(g, a, params(g)).y],
    ['running statistics', 'a composite operation at head has no second', (g, a) => batchNormFrozen(g, a, params(g))],
    ["a person's own", 'a composite operation at head has no second derivatives', square],
  ])('%s: told with the place and what to do, and only where one is needed', (_name, reason, build) => {
    const g = new GraphBuilder();
    const a = g.watch(g.input('a', 'float32', [2, 2, 3, 3]));
    const y = g.scope('head', () => build(g, a));
    const [slope] = g.scope('penalty', () => gradients(g, sum(g, mul(g, y, y)), [a]));
    const loss = (d: Value) => sum(g, mul(g, d, a));
    expect(() => gradients(g, loss(slope!), [a])).toThrow(
      new RegExp(
        `^what gradients returned at penalty can't be differentiated: ${reason}.*, and a gradient has to flow through ` +
          `${slope!.name}. Pass it through g.stopGradient if none is wanted.$`,
      ),
    );
    expect(() => gradients(g, loss(g.stopGradient(slope!)), [a])).not.toThrow();
  });
});
