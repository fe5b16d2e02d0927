import { readFileSync } from 'node:fs';
import { Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { buildOptimizerModel, buildTrainLoop } from '../../../src/graph/artifacts/artifacts.js';
import { GraphBuilder } from '../../../src/graph/builder/builder.js';
import { describeNetwork, describeState, initialState } from '../../../src/graph/step/describe.js';
import { unpack } from '../../../src/graph/state/flat.js';
import { gradientNorm } from '../../../src/graph/step/guard.js';
import { decodeModel, encodeModel } from '../../../src/graph/onnx/schema.js';
import { clip } from '../../../src/graph/optimizers/clip.js';
import { begin, scalarsOf, vectorsOf } from '../../../src/graph/optimizers/rule.js';
import { optimizerOf } from '../../../src/graph/parts/parts.js';
import { beginUpdate } from '../../../src/graph/step/update.js';
import type { OptimizerName, TrainingOptions } from '../../../src/graph/options.js';
import { Philox } from '../../../src/graph/state/philox.js';
import type { NetworkLayout } from '../../../src/graph/state/state.js';
import { elementCount } from '../../../src/graph/onnx/types.js';
import { openModel, relativeError } from '../../helpers/graphs.js';

interface Golden {
  shapes: number[][];
  lr: number;
  momentum: number;
  weight_decay: number;
  start: number[];
  gradients: number[][];
  cases: { kind: OptimizerName; max_norm: number; norms: number[]; clipped: number[][]; final: number[] }[];
}

/** From PyTorch; see clip.py beside it. */
const golden = JSON.parse(readFileSync(new URL('../../golden/clip.json', import.meta.url), 'utf8')) as Golden;
const bound = 1e-6;
const vector = (values: ArrayLike<number>) => new Tensor('float32', Float32Array.from(values), [values.length]);

describe('clipping', () => {
  it.each(golden.cases)('gives what PyTorch gives: $kind to $max_norm', async (expected) => {
    const { kind, max_norm: clipNorm } = expected;
    const n = golden.start.length;
    const options = { optimizer: kind, momentum: golden.momentum, weightDecay: golden.weight_decay };
    const rules = optimizerOf(options);
    const lengths = new Map(scalarsOf(rules).map(([name, [length]]) => [name, length!]));
    const names = ['params', ...vectorsOf(rules), ...lengths.keys()];
    const lengthOf = (name: string) => lengths.get(name) ?? n;
    const g = new GraphBuilder();
    const state = Object.fromEntries(names.map((name) => [name, g.input(name, 'float32', [lengthOf(name)])]));
    const gradient = g.input('gradient', 'float32', [n]);
    const specs = golden.shapes.map((shape, i) => ({
      name: `p${i}`,
      shape,
      init: { kind: 'constant', value: 0 } as const,
    }));
    const norm = gradientNorm(g, [...unpack(g, gradient, specs).values()], { clipNorm })!;
    const layout = { paramCount: n, bodyCount: 0 } as NetworkLayout;
    const loss = { takes: 'nothing', loss: () => ({ loss: norm, statistics: {} }) } as const;
    const update = beginUpdate(
      g,
      state,
      layout,
      { loss, optimizer: rules, ownRules: [] },
      { backboneLrMult: 1, clipNorm },
    );
    const learningRate = { network: g.scalar(golden.lr), own: {} };
    const next = update({ gradient: { params: gradient, own: {} }, learningRate, norm });
    const zero = g.op('Sub', [gradient, gradient]);
    const first = { direction: gradient, learningRate: g.scalar(1), norm };
    const clipped = g.op('Neg', [begin(g, clip(clipNorm), { parameter: zero, state: {} })(first).parameter]);
    for (const name of names) g.output(`${name}_out`, next[name]!);
    g.output('norm', norm);
    g.output('clipped', clipped);

    const session = await openModel(encodeModel(g.model('clip')));
    let values: Record<string, Tensor> = Object.fromEntries(
      names.map((name) => [name, vector(new Float32Array(lengthOf(name)))]),
    );
    values['params'] = vector(golden.start);
    for (const [step, given] of golden.gradients.entries()) {
      const out = (await session.run({ ...values, gradient: vector(given) })) as Record<string, Tensor>;
      const data = (name: string) => out[name]!.data as Float32Array;
      expect(data('norm')[0]! / expected.norms[step]!).toBeCloseTo(1, 6);
      expect(relativeError(data('clipped'), expected.clipped[step]!)).toBeLessThan(bound);
      values = Object.fromEntries(names.map((name) => [name, out[`${name}_out`]!]));
    }
    expect(relativeError(values['params']!.data as Float32Array, expected.final)).toBeLessThan(2 * bound);
    await session.release();
  });
});

const options: TrainingOptions = {
  ...{ model: 'squeezenet1_1', featDim: 16, embedDim: 8, imageSize: 32, batchSize: 4, batchK: 2, classes: 4 },
  ...{ margin: 0.2, nu: 0, beta: 1.2, learnBeta: true, normalizeWeights: false, dropout: 0, freezeBn: false },
  ...{ backboneLrMult: 1, optimizer: 'adam', momentum: 0.9, weightDecay: 1e-4, provider: 'cpu' },
};
const steps = 3;
/** The second step alone sees class 3. */
const labels = [
  [0, 0, 1, 1],
  [2, 2, 3, 3],
  [1, 1, 2, 2],
];

/** Runs three steps, or those of them that are given; the boundary of class 3 is `beta3`. */
async function run(changes: Partial<TrainingOptions>, { beta3 = 1.2, only = [0, 1, 2] } = {}) {
  const given = { ...options, ...changes };
  const layout = describeNetwork(given);
  const initial = initialState(given, 3, layout);
  initial['beta']![3] = beta3;
  const random = new Philox(1, 'init', 500);
  const pixels = options.batchSize * options.imageSize ** 2 * 3;
  const images = Array.from({ length: steps }, () => Uint8Array.from({ length: pixels }, () => random.int(256)));
  const uniforms = Array.from({ length: steps }, () => random.fillUnit(new Float32Array(4)));
  const rows = (all: ArrayLike<number>[]) => only.flatMap((step) => Array.from(all[step]!));
  const count = only.length;
  const shapes = describeState(given, layout);
  const state = Object.fromEntries(
    shapes.map(({ name, shape }) => [name, new Tensor('float32', initial[name]!, shape)]),
  );
  const session = await openModel(buildTrainLoop(given));
  const out = (await session.run({
    ...state,
    images: new Tensor('uint8', Uint8Array.from(rows(images)), [count, 4, 32, 32, 3]),
    labels: new Tensor('int32', Int32Array.from(rows(labels)), [count, 4]),
    uniforms: new Tensor('float32', Float32Array.from(rows(uniforms)), [count, 4, 1]),
    lr: new Tensor('float32', new Float32Array(count).fill(0.001), [count]),
    lr_beta: new Tensor('float32', new Float32Array(count).fill(0.1), [count]),
  })) as Record<string, Tensor>;
  await session.release();
  const bytes = Object.fromEntries(
    shapes.map(({ name }) => [name, Buffer.from((out[`${name}_out`]!.data as Float32Array).slice().buffer)]),
  );
  return {
    bytes,
    losses: Array.from(out['losses']!.data as Float32Array),
    norms: out['gradient_norms']?.data as Float32Array,
  };
}

function expectSame(a: Record<string, Buffer>, b: Record<string, Buffer>): void {
  expect(Object.keys(a).filter((name) => !a[name]!.equals(b[name]!))).toEqual([]);
}

describe('skipping', () => {
  it('changes no bit while all numbers are finite', async () => {
    const [off, on] = [await run({}), await run({ skipNotFinite: true })];
    expectSame(on.bytes, off.bytes);
    expect(on.losses).toEqual(off.losses);
  });

  it('leaves the state as if a step whose loss is not finite had not been', async () => {
    const beta3 = 3e38;
    const all = await run({ skipNotFinite: true }, { beta3 });
    expect(all.losses.map(Number.isFinite)).toEqual([true, false, true]);
    expectSame(all.bytes, (await run({}, { beta3, only: [0, 2] })).bytes);
  });
});

describe('a training loop that clips', () => {
  it('tells the norm before clipping, and changes no bit where gradients are short', async () => {
    const [off, on] = [await run({}), await run({ clipNorm: 1e6 })];
    expectSame(on.bytes, off.bytes);
    expect(Array.from(on.norms).every((norm) => norm > 0 && norm < 1e6)).toBe(true);
    const short = await run({ clipNorm: on.norms[0]! / 2 });
    expect(short.norms[0]).toBe(on.norms[0]);
    expect(short.bytes['params']!.equals(off.bytes['params']!)).toBe(false);
  });

  it('clips alike in the optimizer of its own', () => {
    const nodes = (bytes: Uint8Array) => decodeModel(bytes).graph.node.map(({ name }) => name);
    expect(
      nodes(buildOptimizerModel({ ...options, clipNorm: 1 })).filter((name) => name.startsWith('optimizer/clip/')),
    ).toHaveLength(4);
    expect(
      nodes(buildOptimizerModel(options)).filter((name) => /^(optimizer\/clip|gradient_norm)\//.test(name)),
    ).toEqual([]);
  });

  it('has a norm of all parameters', () => {
    const layout = describeNetwork(options);
    const squares = (bytes: Uint8Array) =>
      decodeModel(bytes).graph.node.filter(({ name }) => name.startsWith('gradient_norm/ReduceSumSquare')).length;
    expect(squares(buildOptimizerModel({ ...options, clipNorm: 1 }))).toBe(layout.params.length);
    expect(layout.params.reduce((sum, { shape }) => sum + elementCount(shape), 0)).toBe(layout.paramCount);
  });
});
