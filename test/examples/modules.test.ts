/** The parts of examples/modules: their numbers beside PyTorch's, and what becomes of a mistake in one. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import * as ort from 'onnxruntime-node';
import { beforeAll, describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../src/graph/builder/builder.js';
import { gradients } from '../../src/graph/builder/gradients.js';
import { valuesOf } from '../../src/graph/declarations.js';
import { encodeModel } from '../../src/graph/onnx/schema.js';
import { learningRate } from '../../src/graph/optimizers/learning-rate.js';
import { begin } from '../../src/graph/optimizers/rule.js';
import { describeNetwork } from '../../src/graph/step/describe.js';
import { loadModules } from '../../src/runner/modules/load.js';
import type { PartKind } from '../../src/runner/modules/kinds.js';
import { randomTensor, relativeError, runModel } from '../helpers/graphs.js';
import { writeImageFolder } from '../helpers/images.js';
import { temporaryFolder } from '../runner/data/images.js';
import { trainSmall } from '../runner/training/train-options.js';

const fileOf = (name: string): string => path.resolve('examples/modules', `${name}.mjs`);

async function load<Kind extends PartKind>(kind: Kind, name: string) {
  const { definitions } = await loadModules({ [kind]: { path: fileOf(name) } });
  return definitions[kind]!;
}

const golden = async (name: string): Promise<unknown> =>
  JSON.parse(await readFile(path.resolve('test/golden', `${name}.json`), 'utf8'));

const float = (data: number[], dims: number[]) => new ort.Tensor('float32', Float32Array.from(data), dims);

interface LossReferences {
  batch: [n: number, k: number, d: number, classes: number];
  embeddings: number[];
  labels: number[];
  cases: Record<
    string,
    { own: number[]; loss: number; statistics: Record<string, number>; gradients: [number[], number[]] }
  >;
}

it.each(['contrastive-loss', 'cosine-proxy-loss'])('%s has the values and gradients of PyTorch', async (name) => {
  const { batch, embeddings, labels, cases } = (await golden('module-losses')) as LossReferences;
  const [n, batchK, d, classes] = batch;
  const wanted = cases[name]!;
  const definition = await load('loss', name);
  const context = { classes, embedDim: d, batchSize: n, batchK };
  const loss = definition.create(valuesOf(definition.options), context);

  const g = new GraphBuilder();
  const rows = g.watch(g.input('embeddings', 'float32', [n, d]));
  const places = g.input('labels', 'int32', [n]);
  const [parameter] = loss.parameters!;
  const own = g.watch(g.input('own', 'float32', parameter!.shape));
  const outputs = loss.loss(g, {
    ...{ embeddings: rows, labels: places, batchK, tuples: null },
    ...{ reference: { embeddings: rows, labels: places }, parameters: { [parameter!.name]: own } },
  });
  g.output('loss', outputs.loss);
  for (const [key, value] of Object.entries(outputs.statistics)) g.output(key, value);
  gradients(g, outputs.loss, [rows, own]).forEach((gradient, i) => g.output(`d${i}`, gradient));

  const found = await runModel(encodeModel(g.model('test')), {
    embeddings: float(embeddings, [n, d]),
    labels: new ort.Tensor('int32', Int32Array.from(labels), [n]),
    own: float(wanted.own, [...parameter!.shape]),
  });
  for (const [key, value] of Object.entries({ loss: wanted.loss, ...wanted.statistics }))
    expect(found[key]!.data[0], key).toBeCloseTo(value, 5);
  wanted.gradients.forEach((gradient, i) =>
    expect(relativeError(found[`d${i}`]!.data as Float32Array, gradient)).toBeLessThan(1e-5),
  );
});

describe('RMSprop', () => {
  interface References {
    lr: number;
    start: number[];
    gradients: number[][];
    cases: { alpha: number; epsilon: number; weight_decay: number; after: number[][]; square_avg: number[] }[];
  }

  it('makes the steps of PyTorch', async () => {
    const { lr, start, gradients: steps, cases } = (await golden('rmsprop')) as References;
    const definition = await load('optimizer', 'rmsprop');
    for (const { alpha, epsilon, weight_decay: weightDecay, after, square_avg: squares } of cases) {
      const chain = definition.create({ alpha, epsilon }, { momentum: 0.9, weightDecay });
      const g = new GraphBuilder();
      const shape = [start.length];
      const [parameter, average, gradient] = ['parameter', 'average', 'gradient'].map((name) =>
        g.input(name, 'float32', shape),
      );
      const advance = begin(g, [...chain, learningRate], { parameter: parameter!, state: { square_avg: average! } });
      const next = advance({ direction: gradient!, learningRate: g.scalar(lr), norm: null });
      g.output('parameter_out', next.parameter);
      g.output('average_out', next.state['square_avg']!);
      const model = encodeModel(g.model('test'));

      const state = { parameter: float(start, shape), average: float(start, shape) };
      (state.average.data as Float32Array).fill(0);
      for (const [i, step] of steps.entries()) {
        const found = await runModel(model, { ...state, gradient: float(step, shape) });
        state.parameter = found['parameter_out'] as typeof state.parameter;
        state.average = found['average_out'] as typeof state.average;
        expect(relativeError(state.parameter.data as Float32Array, after[i]!), `step ${i + 1}`).toBeLessThan(1e-6);
      }
      expect(relativeError(state.average.data as Float32Array, squares)).toBeLessThan(1e-6);
    }
  });
});

describe('near negatives', () => {
  const [n, d, batchK] = [8, 3, 2];

  async function sample(among: number) {
    const definition = await load('sampling', 'near-negatives');
    const sampling = definition.create({ among });
    const g = new GraphBuilder();
    const embeddings = g.input('embeddings', 'float32', [n, d]);
    const labels = g.input('labels', 'int32', [n]);
    const uniforms = g.input('uniforms', 'float32', sampling.uniforms!({ batchSize: n, batchK }));
    const reference = { embeddings, labels };
    const tuples = sampling.sample(g, { embeddings, labels, batchK, reference, uniforms });
    if (tuples.kind !== 'triplets' || !('name' in tuples.negatives)) throw new Error('no computed negatives');
    g.output('negatives', tuples.negatives);
    const rows = randomTensor([n, d], 4);
    const draws = [0, 0.2, 0.4, 0.5, 0.6, 0.8, 0.95, 1 - 2 ** -24];
    const found = await runModel(encodeModel(g.model('test')), {
      embeddings: new ort.Tensor('float32', rows, [n, d]),
      labels: new ort.Tensor(
        'int32',
        Int32Array.from({ length: n }, (_, i) => 9 - Math.floor(i / batchK)),
        [n],
      ),
      uniforms: float(draws, [n, batchK - 1]),
    });
    const product = (i: number, j: number) =>
      Array.from({ length: d }, (_, at) => rows[i * d + at]! * rows[j * d + at]!).reduce((sum, x) => sum + x, 0);
    // The products of these rows, which are not normalized, all lie above -2 where it counts.
    const wanted = draws.map((u, i) => {
      const others = Array.from({ length: n }, (_, j) => j).filter(
        (j) => Math.floor(j / batchK) !== Math.floor(i / batchK),
      );
      const nearest = others.sort((a, b) => product(i, b) - product(i, a));
      return nearest[Math.min(Math.floor(Math.fround(u) * among), among - 1)];
    });
    return { found: [...(found['negatives']!.data as Int32Array)], wanted };
  }

  it('are drawn from the nearest of other classes', async () => {
    for (const among of [1, 3]) {
      const { found, wanted } = await sample(among);
      expect(found).toEqual(wanted);
    }
  });

  it('are as many as a batch has at most', () =>
    expect(sample(7)).rejects.toThrow(/a batch has 6 negatives for --among 7/));
});

it('three layers have names, a last layer and a width', async () => {
  const backbone = await load('backbone', 'three-layers');
  const network = { model: backbone.name, featDim: 6, embedDim: 5, imageSize: 8, backboneOptions: { width: 3 } };
  const { params, buffers, bodyCount, paramCount } = describeNetwork(network, { backbone });
  expect(params.map(({ name, shape }) => `${name} ${shape.join('x')}`)).toEqual([
    'base_net.conv1.weight 3x3x3x3',
    'base_net.bn1.weight 3',
    'base_net.bn1.bias 3',
    'base_net.conv2.weight 6x3x3x3',
    'base_net.bn2.weight 6',
    'base_net.bn2.bias 6',
    'base_net.fc.weight 6x6',
    'base_net.fc.bias 6',
    'dense.weight 5x6',
    'dense.bias 5',
  ]);
  expect(buffers).toHaveLength(4);
  expect(paramCount - bodyCount).toBe(6 * 6 + 6 + 5 * 6 + 5);
});

describe('a loss that fails while the graph runs', () => {
  const folder = temporaryFolder();
  beforeAll(() => writeImageFolder(path.join(folder.path, 'data')));

  it('is told by its file, the node and the reason, with the steps before it saved', async () => {
    const [dataPath, out] = [path.join(folder.path, 'data'), path.join(folder.path, 'out')];
    const file = fileOf('throws-in-step-7');
    const part = { loss: undefined, modules: { loss: { path: file } } };
    const rest = { model: 'squeezenet1_1', batchNum: 10, stepsPerRun: 1, checkpointEvery: 6 };
    const error: unknown = await trainSmall({ dataPath, out, ...rest, ...part }).catch((reason: unknown) => reason);
    expect(String(error)).toMatch(
      /throws-in-step-7\.mjs:\d+: ONNX Runtime can't run the node Loop\/loss\/Gather: .*idx=6/,
    );
    const lines = (await readFile(path.join(out, 'metrics.jsonl'), 'utf8')).trim().split('\n');
    const steps = lines.map((line) => JSON.parse(line) as { kind: string; hour?: number });
    expect(steps.filter(({ kind }) => kind === 'step').map(({ hour }) => hour)).toEqual([1, 2, 3, 4, 5, 6]);
    await readFile(path.join(out, 'checkpoint.safetensors'));
  });
});
