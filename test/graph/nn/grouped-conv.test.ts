/** Convolutions in groups and with dilation, as layers: the same in every graph, and PyTorch's. */
import { readFileSync } from 'node:fs';
import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import type { Value } from '../../../src/graph/builder/builder.js';
import { GraphBuilder } from '../../../src/graph/builder/builder.js';
import { gradients } from '../../../src/graph/builder/gradients.js';
import { buildEvalModel } from '../../../src/graph/artifacts/artifacts.js';
import { buildExportModel } from '../../../src/graph/artifacts/export.js';
import { defineBackbone } from '../../../src/graph/models/backbone.js';
import { FoldingLayers, networkWeights } from '../../../src/graph/nn/folding.js';
import { InferenceLayers } from '../../../src/graph/nn/inference.js';
import type { ConvOptions, Layers, ParameterSource } from '../../../src/graph/nn/layers.js';
import { TrainingLayers } from '../../../src/graph/nn/training.js';
import type { GraphProto } from '../../../src/graph/onnx/schema.js';
import { decodeModel, encodeModel } from '../../../src/graph/onnx/schema.js';
import { elementCount } from '../../../src/graph/onnx/types.js';
import { initialTensors } from '../../../src/graph/state/init.js';
import type { NetworkLayout, TensorSpec } from '../../../src/graph/state/state.js';
import { describeNetwork } from '../../../src/graph/step/describe.js';
import { expectGradients, relativeError, runModel } from '../../helpers/graphs.js';

interface Tensor {
  shape: number[];
  data: number[];
}

interface Case {
  options: ConvOptions & { name: string };
  fan_in: number;
  tensors: Record<'x' | 'y' | 'normalized' | 'dy', Tensor>;
  params: Record<string, Tensor>;
  gradients: Record<string, Tensor>;
}

const golden = new URL('../../golden/grouped-conv.json', import.meta.url);
const { cases } = JSON.parse(readFileSync(golden, 'utf8')) as { cases: Case[] };
const named = cases.map((c) => [c.options.name, c] as const);

const swap = (g: GraphBuilder, x: Value): Value => g.op('Transpose', [x], { perm: [1, 0, 2, 3] });

/** (N, C, H, W) in and out, whatever the layers' own layout is. */
function layer(nn: Layers, x: Value, { out, kernel, stride, padding, dilation, groups }: ConvOptions) {
  const y = nn.conv2d('conv', x, { out, kernel, stride, padding, dilation, groups, bias: true });
  return { y, normalized: nn.batchNorm2d('bn', y) };
}

const graphOf = (bytes: Uint8Array): GraphProto => decodeModel(bytes).graph;
const count = ({ node }: GraphProto, type: string): number => node.filter(({ opType }) => opType === type).length;

describe("convolutions in groups and with dilation are PyTorch's", () => {
  const sourceOf = (params: Case['params'], add: (name: string, tensor: Tensor) => Value): ParameterSource => {
    const find = (name: string, shape: number[]): Value => {
      expect(shape, name).toEqual(params[name]!.shape);
      return add(name, params[name]!);
    };
    return { param: find, buffer: find };
  };
  const feed = ({ shape, data }: Tensor) => new ort.Tensor('float32', Float32Array.from(data), shape);
  const expectClose = (found: ort.Tensor, wanted: Tensor) => {
    expect(found.dims).toEqual(wanted.shape);
    expect(relativeError(found.data as Float32Array, wanted.data)).toBeLessThan(1e-5);
  };

  it.each(named)(
    '%s, in a training, with gradients',
    async (_name, { options, tensors, params, gradients: wanted }) => {
      const g = new GraphBuilder();
      const watched: Record<string, Value> = {};
      const x = (watched['x'] = g.watch(g.input('x', 'float32', tensors.x.shape)));
      const source = sourceOf(
        params,
        (name, { shape, data }) => (watched[name] = g.watch(g.weight(name, shape, Float32Array.from(data)))),
      );
      const nn = new TrainingLayers(g, source, { provider: 'cpu', batchNorm: 'running' });
      const { y, normalized } = layer(nn, swap(g, x), options);
      g.output('y', swap(g, y));
      g.output('normalized', swap(g, normalized));
      const dy = g.input('dy', 'float32', tensors.dy.shape);
      const loss = g.op('ReduceSum', [g.op('Mul', [swap(g, y), dy])], { keepdims: 0 });
      const names = Object.keys(wanted);
      gradients(
        g,
        loss,
        names.map((name) => watched[name]!),
      ).forEach((d, i) => g.output(`d ${names[i]}`, d));
      const out = await runModel(encodeModel(g.model('g')), { x: feed(tensors.x), dy: feed(tensors.dy) });
      expectClose(out['y']!, tensors.y);
      expectClose(out['normalized']!, tensors.normalized);
      names.forEach((name) => expectClose(out[`d ${name}`]!, wanted[name]!));
    },
  );

  it.each(named)('%s, in inference', async (_name, { options, tensors, params }) => {
    const g = new GraphBuilder();
    const x = g.input('x', 'float32', tensors.x.shape);
    const source = sourceOf(params, (name, { shape, data }) => g.weight(name, shape, Float32Array.from(data)));
    const { y, normalized } = layer(new InferenceLayers(g, source), x, options);
    g.output('y', y);
    g.output('normalized', normalized);
    const out = await runModel(encodeModel(g.model('g')), { x: feed(tensors.x) });
    expectClose(out['y']!, tensors.y);
    expectClose(out['normalized']!, tensors.normalized);
  });

  it.each(named)('%s, with its normalization folded in', async (_name, { options, tensors, params }) => {
    const g = new GraphBuilder();
    const specs = Object.entries(params).map(([name, { shape }]): TensorSpec => ({
      name,
      shape,
      init: { kind: 'constant', value: 0 },
    }));
    const layout = { params: specs, buffers: [] as TensorSpec[] } as NetworkLayout;
    const flat = Float32Array.from(Object.values(params).flatMap(({ data }) => data));
    const nn = new FoldingLayers(g, networkWeights(g, layout, { params: flat, buffers: new Float32Array() }));
    g.output('normalized', layer(nn, g.input('x', 'float32', tensors.x.shape), options).normalized);
    const bytes = encodeModel(g.model('g'));
    expect([count(graphOf(bytes), 'BatchNormalization'), count(graphOf(bytes), 'Conv')]).toEqual([0, 1]);
    const out = await runModel(bytes, { x: feed(tensors.x) });
    expectClose(out['normalized']!, tensors.normalized);
  });
});

describe('a backbone of convolutions in groups', () => {
  const definition = (options: Partial<ConvOptions>) =>
    defineBackbone({
      name: 'grouped',
      options: {},
      create: () => ({
        ...{ imageSize: 12, smallest: 4, lastLayer: 'fc' },
        features: (nn, images, featDim) => {
          const stem = nn.relu(nn.batchNorm2d('bn0', nn.conv2d('stem', images, { out: 8, kernel: 3, padding: 1 })));
          const own = { out: 8, kernel: 3, padding: 2, dilation: 2, groups: 8, ...options };
          const x = nn.relu(nn.batchNorm2d('bn1', nn.conv2d('dw', stem, own)));
          return nn.linear('fc', nn.flatten(nn.adaptiveAvgPool2d(x, 1)), { out: featDim });
        },
      }),
    });
  const network = { ...{ model: 'grouped', imageSize: 12 }, ...{ featDim: 5, embedDim: 3 } };
  const definitions = { backbone: definition({}) };

  it('has the weights of a group alone, and initial values that fit them', () => {
    const { params } = describeNetwork(network, definitions);
    const dw = params.find(({ name }) => name === 'base_net.dw.weight')!;
    expect(dw.shape).toEqual([8, 1, 3, 3]);
    // Over the 9 outputs that an input reaches, not over those of all groups.
    expect(dw.init).toEqual({ kind: 'normal', std: Math.sqrt(2 / 9) });
  });

  it('is exported with its normalization folded in, and embeds as the evaluation does', async () => {
    const layout = describeNetwork(network, definitions);
    const buffers = initialTensors(
      layout.buffers.map((spec) => ({ ...spec, init: { kind: 'uniform', bound: 1 } as const })),
      3,
    ).map((v) => Math.abs(v) + 0.1);
    const state = { params: initialTensors(layout.params, 2), buffers };
    const images = new ort.Tensor(
      'uint8',
      Uint8Array.from({ length: 2 * 12 * 12 * 3 }, (_, i) => (i * 37) % 256),
      [...[2, 12, 12, 3]],
    );
    const vector = (data: Float32Array) => new ort.Tensor('float32', data, [data.length]);
    const wanted = await runModel(buildEvalModel(network, definitions), {
      images,
      params: vector(state.params),
      buffers: vector(state.buffers),
    });
    const exported = buildExportModel(network, state, {}, definitions);
    expect(count(graphOf(exported), 'BatchNormalization')).toBe(0);
    const found = await runModel(exported, { images });
    expect(found['embeddings']!.dims).toEqual([2, 3]);
    expect(
      relativeError(found['embeddings']!.data as Float32Array, wanted['embeddings']!.data as Float32Array),
    ).toBeLessThan(1e-5);
  });

  it.each<[Partial<ConvOptions>, string]>([
    [{ groups: 3 }, 'groups is 3: give a whole number that divides its 8 channels and 8 outputs'],
    [{ groups: 8, out: 12 }, 'groups is 8: give a whole number that divides its 8 channels and 12 outputs'],
    [{ groups: 0 }, 'groups is 0: give a whole number of 1 or more'],
    [{ groups: 0.5 }, 'groups is 0.5: give a whole number of 1 or more'],
    [{ dilation: 0 }, 'dilation is 0: give a whole number of 1 or more'],
    [{ dilation: [1, -2] }, 'dilation is [1,-2]: give a whole number of 1 or more, or two of them'],
  ])('refuses %j, with the layer and what to give', (options, message) => {
    expect(() => describeNetwork(network, { backbone: definition(options) })).toThrow(`dw: ${message}`);
  });
});

describe('gradients of layers in groups', () => {
  it.each<[string, ConvOptions, number[]]>([
    ['depthwise', { out: 4, kernel: 3, padding: 1, groups: 4 }, [4, 2, 6, 5]],
    [
      'dilated, strided, two groups',
      { out: 6, kernel: [3, 2], stride: [2, 1], dilation: [2, 1], groups: 2 },
      [4, 2, 7, 6],
    ],
  ])('%s: equal finite differences', async (_name, options, shape) => {
    const [kh, kw] = [options.kernel].flat() as [number, number?];
    const weight = [options.out, shape[0]! / options.groups!, kh, kw ?? kh];
    expect(elementCount(weight)).toBeGreaterThan(0);
    await expectGradients(
      (g, x, w) => {
        const source: ParameterSource = { param: () => w!, buffer: () => w! };
        return new TrainingLayers(g, source, { provider: 'cpu' }).conv2d('conv', x!, options);
      },
      [shape, weight],
    );
  });
});
