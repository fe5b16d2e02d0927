/** The graphs of a shipped folder, and the forms of their weights. */
import { Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../../src/graph/builder/builder.js';
import { initialState } from '../../../src/graph/step/describe.js';
import { moveTensors } from '../../../src/graph/onnx/external.js';
import { halfBits, halves } from '../../../src/graph/onnx/float16.js';
import { wholeSquares } from '../../../src/graph/preprocessing.js';
import { decodeModel, encodeModel } from '../../../src/graph/onnx/schema.js';
import { buildWebModel } from '../../../src/graph/artifacts/web-export.js';
import type { WebVariantName } from '../../../src/graph/artifacts/web-model.js';
import { webVariantNames } from '../../../src/graph/artifacts/web-model.js';
import { WeightStore } from '../../../src/graph/artifacts/web-weights.js';
import { halfToFloat } from '../../../src/runner/weights/floats.js';
import { randomTensor, runModel } from '../../helpers/graphs.js';
import { smallMetadata } from '../../runner/checkpoints/small-checkpoint.js';

describe('halves', () => {
  it('come back as the numbers that they are', () => {
    for (let bits = 0; bits < 0x10000; bits++) {
      const value = halfToFloat(bits);
      if (!Number.isNaN(value)) expect(halfBits(value)).toBe(bits);
    }
    expect(halfToFloat(halfBits(NaN))).toBeNaN();
  });

  it('are the nearest, of two as near the even one', () => {
    const [below, above] = [1 + 2 ** -10, 1 + 2 * 2 ** -10];
    expect(halfToFloat(halfBits(1 + 0.49 * 2 ** -10))).toBe(1);
    expect(halfToFloat(halfBits(1 + 0.5 * 2 ** -10))).toBe(1);
    expect(halfToFloat(halfBits(1 + 0.51 * 2 ** -10))).toBe(below);
    expect(halfToFloat(halfBits(1 + 1.5 * 2 ** -10))).toBe(above);
    expect(halfToFloat(halfBits(-3.5 * 2 ** -24))).toBe(-4 * 2 ** -24);
    expect(halfToFloat(halfBits(2 ** -26))).toBe(0);
    expect(halfToFloat(halfBits(65519))).toBe(65504);
    expect(halfToFloat(halfBits(65520))).toBe(Infinity);
  });
});

describe('tensors outside of the models', () => {
  const model = (values: Uint8Array) => {
    const g = new GraphBuilder();
    const sum = g.op('Add', [g.tensor('shared', 'float32', [2], values), g.input('x', 'float32', [2])]);
    g.output('y', g.op('Add', [sum, g.tensor('own', 'float32', [1], halves(Float32Array.of(1, 2)))]));
    return g.model('test');
  };
  const values = new Uint8Array(Float32Array.of(1, 2).buffer);

  it('are kept once, at multiples of 64', () => {
    const { models, chunks, places } = moveTensors(
      [model(values), model(values)],
      'weights',
      (name) => name === 'shared',
    );
    expect(chunks).toEqual([values]);
    expect(places).toEqual(new Map([['shared', { offset: 0, length: 8 }]]));
    const [first] = models.map((moved) => decodeModel(encodeModel(moved)).graph.initializer);
    expect(first!.find(({ name }) => name === 'own')!.rawData).toHaveLength(4);
    const shared = first!.find(({ name }) => name === 'shared')!;
    expect(shared).toMatchObject({ dataLocation: 1, dims: [2] });
    expect(Object.fromEntries(shared.externalData!.map(({ key, value }) => [key, value]))).toEqual({
      ...{ location: 'weights', offset: '0', length: '8' },
    });
    const both = moveTensors([model(values)], 'weights', () => true);
    expect(both.places.get('own')).toEqual({ offset: 64, length: 4 });
    expect(both.chunks.reduce((sum, chunk) => sum + chunk.length, 0)).toBe(68);
  });

  it('must not differ', () => {
    const moving = () => moveTensors([model(values), model(values.slice())], 'weights', (name) => name === 'shared');
    expect(moving).toThrow('different tensors called shared');
  });
});

/** The largest error of a form, relative to the largest value of each filter. */
async function storedError(variant: WebVariantName, shape: number[], values: Float32Array): Promise<number> {
  const g = new GraphBuilder();
  g.output('y', new WeightStore(variant).add(g, 'weight', shape, values));
  const y = (await runModel(encodeModel(g.model('test')), {}))['y']!.data as Float32Array;
  const size = values.length / shape[0]!;
  let worst = 0;
  for (let filter = 0; filter < shape[0]!; filter++) {
    const [a, b] = [values, y].map((all) => all.subarray(filter * size, (filter + 1) * size));
    const peak = a!.reduce((max, value) => Math.max(max, Math.abs(value)), 1e-30);
    worst = Math.max(worst, ...a!.map((value, i) => Math.abs(value - b![i]!) / peak));
  }
  return worst;
}

describe('weights', () => {
  const large = [256, 128, 9];
  const values = randomTensor(large, 1);
  // A filter of zeros, and one far smaller than the others.
  values.fill(0, 0, 1152);
  for (let i = 1152; i < 2304; i++) values[i]! *= 1e-3;

  it.each([
    ['fp32', 0],
    ['fp16', 2 ** -11],
    ['int8', 0.5 / 127 + 1e-6],
  ] as const)('as %s are off by less than a step of it', async (variant, step) => {
    expect(await storedError(variant, large, values)).toBeLessThanOrEqual(step);
  });

  it('as int8 are halves where they are few, and vectors are never rounded', async () => {
    expect(await storedError('int8', [16, 128], values.subarray(2304, 2304 + 2048))).toBeLessThanOrEqual(2 ** -11);
    for (const variant of webVariantNames) expect(await storedError(variant, [200], values.subarray(0, 200))).toBe(0);
  });
});

it('both graphs give the same, whatever the number of channels and of images', async () => {
  const options = { ...smallMetadata().options, featDim: 16, embedDim: 8, imageSize: 32, optimizer: 'sgd' } as const;
  const weightsFile = 'unused';
  const { graphs, weights, places } = buildWebModel(options, initialState(options, 3), {
    ...{ variant: 'fp32', squares: wholeSquares(32, 'stretch'), weightsFile },
  });
  const bytes = Buffer.concat(weights);
  /** The graph with its weights inside. */
  const whole = (file: Uint8Array) => {
    const model = decodeModel(file);
    for (const tensor of model.graph.initializer) {
      const place = places.get(tensor.name!);
      if (!place) continue;
      Object.assign(tensor, { rawData: bytes.subarray(place.offset, place.offset + place.length), dataLocation: 0 });
      delete tensor.externalData;
    }
    return encodeModel(model);
  };
  const [height, width] = [40, 50];
  const rgb = Uint8Array.from({ length: height * width * 3 }, (_, i) => (i * 37) % 251);
  const rgba = Uint8Array.from({ length: height * width * 4 }, (_, i) =>
    i % 4 < 3 ? rgb[(i >> 2) * 3 + (i % 4)]! : i,
  );
  const image = (data: Uint8Array, channels: number) =>
    runModel(whole(graphs.image), { image: new Tensor('uint8', data, [1, height, width, channels]) });
  const [three, four] = [await image(rgb, 3), await image(rgba, 4)];
  const planes = Float32Array.from(rgb, (_, i) => rgb[(i % (height * width)) * 3 + Math.floor(i / (height * width))]!);
  const pixels = new Tensor('float32', Float32Array.of(...planes, ...planes), [2, 3, height, width]);
  const batch = await runModel(whole(graphs.model), { pixel_values: pixels });
  expect(three['embeddings']!.dims).toEqual([1, 8]);
  expect(batch['image_embeds']!.dims).toEqual([2, 8]);
  expect(batch['features']!.dims).toEqual([2, 16]);
  const values = (tensor: unknown) => Array.from((tensor as Tensor).data as Float32Array);
  expect(values(four['embeddings'])).toEqual(values(three['embeddings']));
  const [expected, actual] = [values(three['embeddings']), values(batch['image_embeds'])];
  actual.forEach((value, i) => expect(value).toBeCloseTo(expected[i % 8]!, 5));
  expect(Math.hypot(...expected)).toBeCloseTo(1, 5);
});
