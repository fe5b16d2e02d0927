/** Gradients through float16: the rules write constants and masks of the type that the gradient has. */
import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import type { Value } from '../../../src/graph/builder/builder.js';
import { GraphBuilder } from '../../../src/graph/builder/builder.js';
import { gradients } from '../../../src/graph/builder/gradients.js';
import { operatorNames } from '../../../src/graph/onnx/names.js';
import { encodeModel } from '../../../src/graph/onnx/schema.js';
import { operators } from '../../../src/graph/operators/index.js';
import type { Provider } from '../../../src/graph/options.js';
import { Philox } from '../../../src/graph/state/philox.js';
import { clampMin } from '../../../src/graph/ops/arithmetic.js';
import { times } from '../../../src/graph/optimizers/rule.js';
import { runModel } from '../../helpers/graphs.js';
import type { Case } from './cases/draw.js';
import { Draw } from './cases/draw.js';
import { generators } from './cases/index.js';

type RuleName = (typeof operatorNames)[number];

const withRule = operatorNames.filter((name) => typeof operators[name].gradient === 'function');

const sum = (g: GraphBuilder, x: Value): Value => g.op('ReduceSum', [x], { keepdims: 0 });

/** sum(y * c) for fixed c, and its gradients: of an operator on its inputs as they are, or as float16. */
async function slopes(name: RuleName, type: 'float32' | 'float16', provider: Provider, drawn: Case) {
  const g = new GraphBuilder(provider);
  const targets: Value[] = [];
  const feeds: Record<string, ort.Tensor> = {};
  const values: (Value | null)[] = [];
  drawn.inputs.forEach((x, i) => {
    if (x === null || typeof x === 'number') return values.push(x === null ? null : values[x]!);
    if (x.dtype !== 'float32') return values.push(g.constant(x.dtype, x.shape, x.values));
    if (x.role !== 'free' && x.role !== 'watched') return values.push(g.constant(type, x.shape, x.values));
    const target = g.watch(g.input(`x${i}`, 'float32', x.shape));
    feeds[`x${i}`] = new ort.Tensor('float32', Float32Array.from(x.values), x.shape);
    targets.push(target);
    return values.push(type === 'float32' ? target : g.op('Cast', [target], { to: type }));
  });
  const outputs = g.ops(name, values, drawn.attributes ?? {}, drawn.outputs ?? 1).filter(({ tracked }) => tracked);
  const terms = outputs.map((y, i) => {
    const random = new Philox(9, 'init', i);
    const shape = y.shape as number[];
    const c = Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.normal());
    return sum(g, g.op('Mul', [g.op('Cast', [y], { to: 'float32' }), g.constant('float32', shape, c)]));
  });
  if (terms.length === 0) return [];
  const loss = terms.length > 1 ? g.op('Sum', terms) : terms[0]!;
  gradients(g, loss, targets).forEach((d, i) => g.output(`d${i}`, d));
  const out = await runModel(encodeModel(g.model('case')), feeds);
  return targets.flatMap((_, i) => Array.from(out[`d${i}`]!.data as Float32Array));
}

describe('gradients through float16', () => {
  it.each(withRule.flatMap((name) => (['cpu', 'cuda'] as const).map((provider) => [name, provider] as const)))(
    "%s, as written for %s: float32's, but for rounding",
    async (name, provider) => {
      let compared = 0;
      for (let i = 0; i < 8; i++) {
        const draw = new Draw(new Philox(21, 'init', operatorNames.indexOf(name), i));
        const drawn = generators[name](draw);
        const wanted = await slopes(name, 'float32', provider, drawn);
        const found = await slopes(name, 'float16', provider, drawn);
        const largest = Math.max(...wanted.map(Math.abs));
        found.forEach((slope, k) =>
          expect(Math.abs(slope - wanted[k]!), JSON.stringify(drawn)).toBeLessThan(0.02 * largest + 0.01),
        );
        compared += found.length;
      }
      expect(compared).toBeGreaterThan(0);
    },
  );

  it('of a Relu: by no number that float16 does not have', () => {
    const g = new GraphBuilder();
    const x = g.watch(g.input('x', 'float32', [3]));
    const y = g.op('Relu', [g.op('Cast', [x], { to: 'float16' })]);
    g.output('d', gradients(g, sum(g, g.op('Cast', [y], { to: 'float32' })), [x])[0]!);
    const factors = g.graph('g').node.flatMap(({ attribute }) => attribute.flatMap(({ f }) => f ?? []));
    expect(Math.max(0, ...factors)).toBeLessThan(65504);
  });

  it('of constants and of the short names that take a number', async () => {
    const g = new GraphBuilder();
    const x = g.watch(g.input('x', 'float32', [3]));
    const half = g.op('Mul', [g.op('Cast', [x], { to: 'float16' }), g.constant('float16', [3], [0.5, -2, 65504])]);
    const y = times(g, clampMin(g, half, -1), 3);
    g.output('d', gradients(g, sum(g, g.op('Cast', [y], { to: 'float32' })), [x])[0]!);
    const out = await runModel(encodeModel(g.model('g')), { x: new ort.Tensor('float32', [1, 1, 0.25], [3]) });
    expect(Array.from(out['d']!.data as Float32Array, (slope) => slope + 0)).toEqual([1.5, 0, 3 * 65504]);
  });
});
