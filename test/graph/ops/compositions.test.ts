/** Operators that are written as several nodes: values against their definitions in float64, gradients against finite differences. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InferenceSession } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../../src/graph/builder/builder.js';
import { gradients } from '../../../src/graph/builder/gradients.js';
import type { Value } from '../../../src/graph/onnx/nodes.js';
import { decodeModel, encodeModel } from '../../../src/graph/onnx/schema.js';
import type { Attributes } from '../../../src/graph/onnx/types.js';
import { compose, composed } from '../../../src/graph/ops/compositions.js';
import { Philox } from '../../../src/graph/state/philox.js';
import { runModel } from '../../helpers/graphs.js';
import type { CaseInput, Generate } from '../operators/cases/draw.js';
import { Draw } from '../operators/cases/draw.js';
import type { Way } from '../operators/cases/hold.js';
import { holdMany } from '../operators/cases/many.js';

type Reference = NonNullable<Way['reference']>;

const number = (attributes: Attributes, name: string, otherwise: number): number =>
  (attributes[name] as number | undefined) ?? otherwise;

const each =
  (f: (x: number, attributes: Attributes) => number): Reference =>
  ([x], attributes) =>
    x!.values.map((value) => f(value, attributes));

/** The error function by its series, which converges for what is drawn here. */
function erf(x: number): number {
  let [sum, term] = [x, x];
  for (let n = 1; n < 80; n++) {
    term *= -(x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

const normal = (x: number): number => (1 + erf(x / Math.SQRT2)) / 2;
const byTanh = (x: number): number => (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))) / 2;

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

/** Rows of equal length. */
const rowsOf = (values: readonly number[], length: number): number[][] =>
  Array.from({ length: values.length / length }, (_, i) => values.slice(i * length, (i + 1) * length));

const product = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1);

const groupNorm: Reference = ([x, scale, bias], attributes) => {
  const [, channels] = x!.shape as [number, number];
  const groups = attributes['num_groups'] as number;
  const places = product(x!.shape.slice(2));
  const epsilon = number(attributes, 'epsilon', 1e-5);
  return rowsOf(x!.values, (channels / groups) * places).flatMap((row, at) => {
    const center = mean(row);
    const deviation = Math.sqrt(mean(row.map((v) => (v - center) ** 2)) + epsilon);
    return row.map((v, i) => {
      const channel = (at % groups) * (channels / groups) + Math.floor(i / places);
      const own = scale!.shape[0] === channels ? channel : at % groups;
      return ((v - center) / deviation) * scale!.values[own]! + bias!.values[own]!;
    });
  });
};

/** Of rows behind an axis, with a scale and perhaps a bias of their length. */
const rowNorm =
  (center: (row: number[]) => number): Reference =>
  ([x, scale, bias], attributes) => {
    const axis = number(attributes, 'axis', -1);
    const length = product(x!.shape.slice(axis));
    return rowsOf(x!.values, length).flatMap((row) => {
      const middle = center(row);
      const deviation = Math.sqrt(mean(row.map((v) => (v - middle) ** 2)) + number(attributes, 'epsilon', 1e-5));
      return row.map((v, i) => ((v - middle) / deviation) * scale!.values[i]! + (bias?.values[i] ?? 0));
    });
  };

/** Head by head, by the definition. */
const attention: Reference = ([q, k, v, mask], attributes) => {
  const isFlat = q!.shape.length === 3;
  const split = (x: CaseInput, heads: number) => {
    const [batch, a, b, c] = x.shape as [number, number, number, number];
    const [length, width] = isFlat ? [a, b / heads] : [b, c];
    const at = (n: number, h: number, i: number, d: number) =>
      x.values[isFlat ? ((n * length + i) * heads + h) * width + d : ((n * heads + h) * length + i) * width + d]!;
    return { batch, heads, length, width, at };
  };
  const count = (name: string, x: CaseInput) => (isFlat ? (attributes[name] as number) : x.shape[1]!);
  const queries = split(q!, count('q_num_heads', q!));
  const keys = split(k!, count('kv_num_heads', k!));
  const values = split(v!, count('kv_num_heads', v!));
  const scale = number(attributes, 'scale', 1 / Math.sqrt(queries.width));
  const added = (i: number, j: number) => {
    const given = mask?.values[i * keys.length + j];
    if (attributes['is_causal'] && j > i) return -Infinity;
    return mask?.dtype === 'bool' ? (given ? 0 : -Infinity) : (given ?? 0);
  };
  const rows = [];
  for (let n = 0; n < queries.batch; n++)
    for (let h = 0; h < queries.heads; h++)
      for (let i = 0; i < queries.length; i++) {
        const own = Math.floor(h / (queries.heads / keys.heads));
        const scores = Array.from({ length: keys.length }, (_, j) => {
          let dot = 0;
          for (let d = 0; d < queries.width; d++) dot += queries.at(n, h, i, d) * keys.at(n, own, j, d);
          return Math.exp(dot * scale + added(i, j));
        });
        const total = scores.reduce((a, b) => a + b);
        const out = Array.from({ length: values.width }, (_, d) =>
          scores.reduce((sum, score, j) => sum + (score / total) * values.at(n, own, j, d), 0),
        );
        rows.push({ order: isFlat ? [n, i, h] : [n, h, i], out });
      }
  const compare = (a: number[], b: number[]) => a[0]! - b[0]! || a[1]! - b[1]! || a[2]! - b[2]!;
  return rows.sort((a, b) => compare(a.order, b.order)).flatMap(({ out }) => out);
};

const one =
  (
    name?: string,
    values: readonly (number | string | undefined)[] = [],
    value?: (draw: Draw) => () => number,
  ): Generate =>
  (draw) => ({
    inputs: [draw.tensor(draw.shape(), value?.(draw) ?? draw.normal)],
    attributes: name ? { [name]: draw.pick(values) } : {},
  });

const normInputs = (draw: Draw, isBiased: boolean) => {
  const shape = [...draw.shape(1, 2), draw.int(3, 5)];
  const axis = draw.pick([undefined, -1, -2, shape.length - 1]);
  const normalized = shape.slice(axis ?? -1);
  const bias = isBiased && draw.maybe() ? [draw.tensor(normalized)] : [];
  return {
    inputs: [draw.tensor(shape, () => 2 * draw.normal()), draw.tensor(normalized), ...bias],
    attributes: { axis, epsilon: draw.pick([0.5, 0.2]), stash_type: draw.optional(1) },
  };
};

const attentionCase: Generate = (draw) => {
  const [batch, kvHeads, times, width, deep] = [
    draw.int(1, 2),
    draw.int(1, 2),
    draw.int(1, 2),
    draw.int(1, 3),
    draw.int(1, 3),
  ];
  const [length, places] = [draw.int(1, 3), draw.int(1, 3)];
  const isFlat = draw.maybe();
  const tensor = (heads: number, count: number, each: number) =>
    draw.tensor(isFlat ? [batch, count, heads * each] : [batch, heads, count, each]);
  const truths = draw.constant('bool', [length, places], () => 1);
  truths.values.forEach((_, i) => (truths.values[i] = i % places === 0 ? 1 : draw.int(0, 1)));
  const mask = draw.pick([[], [], [truths], [draw.tensor([length, places])]]);
  const heads = { q_num_heads: kvHeads * times, kv_num_heads: kvHeads };
  return {
    inputs: [
      tensor(kvHeads * times, length, width),
      tensor(kvHeads, places, width),
      tensor(kvHeads, places, deep),
      ...mask,
    ],
    attributes: {
      ...(isFlat && heads),
      is_causal: draw.optional(draw.int(0, 1)),
      scale: draw.optional(0.7),
      softcap: draw.optional(0),
    },
  };
};

const cases: Record<string, { generate: Generate; reference: Reference }> = {
  Attention: { generate: attentionCase, reference: attention },
  Celu: {
    generate: one('alpha', [undefined, 0.5, 2], (draw) => draw.offZero),
    reference: each((x, attributes) => {
      const alpha = number(attributes, 'alpha', 1);
      return Math.max(0, x) + Math.min(0, alpha * (Math.exp(x / alpha) - 1));
    }),
  },
  Gelu: {
    generate: one('approximate', [undefined, 'none', 'tanh']),
    reference: each((x, { approximate }) => x * (approximate === 'tanh' ? byTanh(x) : normal(x))),
  },
  GroupNormalization: {
    generate: (draw) => {
      const [groups, perGroup] = [draw.int(1, 3), draw.int(1, 2)];
      const channels = groups * perGroup;
      const vector = draw.pick([channels, groups]);
      const places = draw.pick([[4], [5], [2, 3], [3, 2]]);
      return {
        inputs: [
          draw.tensor([draw.int(1, 2), channels, ...places], () => 2 * draw.normal()),
          draw.tensor([vector]),
          draw.tensor([vector]),
        ],
        attributes: { num_groups: groups, epsilon: draw.pick([0.5, 0.2]), stash_type: draw.optional(1) },
      };
    },
    reference: groupNorm,
  },
  LayerNormalization: { generate: (draw) => normInputs(draw, true), reference: rowNorm(mean) },
  RMSNormalization: { generate: (draw) => normInputs(draw, false), reference: rowNorm(() => 0) },
  Swish: {
    generate: one('alpha', [undefined, 1, 0.5, -2]),
    reference: each((x, attributes) => x / (1 + Math.exp(-number(attributes, 'alpha', 1) * x))),
  },
};

describe('operators that are written as several nodes', () => {
  it('are those of the table', () => expect(Object.keys(cases)).toEqual(composed));

  it.each(composed)('%s: 50 random cases equal the definition, gradients equal finite differences', async (name) => {
    const { generate, reference } = cases[name]!;
    const write: Way['write'] = (g, type, inputs, attributes) => [compose(g, type, inputs, attributes)];
    const stream = 1000 + composed.indexOf(name);
    const { cases: held, compared } = await holdMany(name, stream, generate, 50, { write, reference });
    expect(held).toBe(50);
    expect(compared).toBeGreaterThan(0);
  });

  it.each(composed)('%s: of float16 what it is of float32, but for rounding', async (name) => {
    for (let i = 0; i < 4; i++) {
      const drawn = cases[name]!.generate(new Draw(new Philox(23, 'init', composed.indexOf(name), i)));
      const run = async (type: 'float32' | 'float16') => {
        const g = new GraphBuilder();
        const targets: Value[] = [];
        const inputs = (drawn.inputs as CaseInput[]).map(({ dtype, shape, values }) => {
          if (dtype !== 'float32') return g.constant(dtype, shape, values);
          const target = g.watch(g.weight(`w${targets.length}`, shape, Float32Array.from(values)));
          targets.push(target);
          return type === 'float32' ? target : g.op('Cast', [target], { to: type });
        });
        const y = compose(g, name, inputs, drawn.attributes ?? {});
        expect(y.dtype).toBe(type);
        const wide = g.op('Cast', [y], { to: 'float32' });
        const loss = g.op('ReduceSum', [g.op('Mul', [wide, wide])], { keepdims: 0 });
        const all = [wide, ...gradients(g, loss, targets)].map((x) => g.op('Reshape', [x, g.ints([-1])]));
        g.output('y', g.op('Concat', all, { axis: 0 }));
        return Array.from((await runModel(encodeModel(g.model('m')), {}))['y']!.data as Float32Array);
      };
      const [wanted, found] = [await run('float32'), await run('float16')];
      const largest = Math.max(...wanted.map(Math.abs));
      found.forEach((x, k) =>
        expect(Math.abs(x - wanted[k]!), JSON.stringify(drawn)).toBeLessThan(0.02 * largest + 0.01),
      );
    }
  });

  it('Gelu: is one node of ONNX Runtime beside its gradient', async () => {
    const g = new GraphBuilder();
    const x = g.watch(g.input('x', 'float32', [8]));
    const y = compose(g, 'Gelu', [x], {});
    g.output('y', y);
    g.output('d', gradients(g, g.op('ReduceSum', [y], { keepdims: 0 }), [x])[0]!);
    const folder = mkdtempSync(join(tmpdir(), 'gelu-'));
    const optimizedModelFilePath = join(folder, 'optimized.onnx');
    try {
      await InferenceSession.create(encodeModel(g.model('m')), { optimizedModelFilePath });
      const { node } = decodeModel(readFileSync(optimizedModelFilePath)).graph!;
      expect(node.map(({ opType }) => opType)).toContain('Gelu');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it.each<[string, string, (number[] | null)[], Attributes, RegExp]>([
    ['an unknown operator', 'Gelo', [[2]], {}, /^Gelo at head is none of those .*: Attention, Celu/],
    ['too many inputs', 'Swish', [[2], [2]], {}, /^Swish at head: 2 inputs are more than the 1/],
    ['past keys', 'Attention', [[1, 1, 2, 2], [1, 1, 2, 2], [1, 1, 2, 2], null, [1, 1, 2, 2]], {}, /5 inputs are more/],
    ['a missing input', 'RMSNormalization', [[2]], {}, /^RMSNormalization at head: input 1 is missing/],
    ['an unknown attribute', 'Gelu', [[2]], { alpha: 1 }, /^Gelu at head: it has no attribute alpha/],
    ['another value', 'Gelu', [[2]], { approximate: 'sigmoid' }, /^Gelu at head: attribute approximate is sigmoid/],
    [
      'a softcap',
      'Attention',
      [
        [1, 1, 2, 2],
        [1, 1, 2, 2],
        [1, 1, 2, 2],
      ],
      { softcap: 2 },
      /softcap is 2; supported: 0/,
    ],
    [
      'no heads',
      'Attention',
      [
        [1, 2, 4],
        [1, 2, 4],
        [1, 2, 4],
      ],
      {},
      /^Attention at head: queries \[1, 2, 4\] make no \? heads/,
    ],
    [
      'heads that are no multiple',
      'Attention',
      [
        [1, 3, 2, 2],
        [1, 2, 2, 2],
        [1, 2, 2, 2],
      ],
      {},
      /^Attention at head: 3 heads are no multiple of 2/,
    ],
    ['no groups', 'GroupNormalization', [[1, 4, 2], [4], [4]], {}, /attribute num_groups is missing/],
    [
      'uneven groups',
      'GroupNormalization',
      [[1, 4, 2], [4], [4]],
      { num_groups: 3 },
      /4 channels are no multiple of 3/,
    ],
    [
      'another scale',
      'GroupNormalization',
      [[1, 4, 2], [3], [3]],
      { num_groups: 2 },
      /scale has 3 numbers for 4 channels/,
    ],
    ['a slope of 0', 'Celu', [[2]], { alpha: 0 }, /^Celu at head: alpha is 0; wanted/],
  ])('%s: %s is told', (_what, type, shapes, attributes, message) => {
    const g = new GraphBuilder();
    const inputs = shapes.map((shape, i) => shape && g.input(`x${i}`, 'float32', shape));
    expect(() => g.scope('head', () => compose(g, type, inputs, attributes))).toThrow(message);
  });
});
