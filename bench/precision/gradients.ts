/** How far the gradient of one step turns in mixed precision, and where that comes from. */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { buildTrainingModel } from '../../src/graph/artifacts/artifacts.js';
import { halfBits } from '../../src/graph/onnx/float16.js';
import type { TrainingOptions } from '../../src/graph/options.js';
import type { Definitions } from '../../src/graph/parts/parts.js';
import { Philox } from '../../src/graph/state/philox.js';
import { describeNetwork, describeState, initialState } from '../../src/graph/step/describe.js';
import type { PlainTensors } from '../../src/runner/compute/engine.js';
import { fixedSampling, smoothBackbone } from '../../test/helpers/smooth-backbones.js';
import { benchOptions, madeUpSteps } from '../training.js';

/** A model of each family, at about the smallest size that it takes. */
const models: Readonly<Record<string, number>> = {
  alexnet: 64,
  vgg11: 32,
  squeezenet1_1: 64,
  resnet18: 64,
  resnet50: 64,
  densenet121: 32,
  inception_v3: 75,
};

const [batchSize, batchK] = [8, 4] as const;
/** Below what overflows in a first step. */
const scale = 2 ** 10;

/** The float32 of a float16. */
function wide(bits: number): number {
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  const size = exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15);
  return bits & 0x8000 ? -size : size;
}

function cosine(a: Float32Array, b: Float32Array): number {
  let [dot, ofA, ofB] = [0, 0, 0];
  a.forEach((x, i) => {
    const y = b[i]!;
    dot += x * y;
    ofA += x * x;
    ofB += y * y;
  });
  return dot / Math.sqrt(ofA * ofB);
}

/** @param isRounded takes the parameters as float16 holds them */
async function gradientOf(
  options: TrainingOptions,
  definitions: Definitions,
  isRounded = false,
): Promise<Float32Array> {
  const layout = describeNetwork(options, definitions);
  const initial = initialState(options, 1, layout, definitions);
  initial['loss_scale']?.set([scale]);
  if (isRounded) initial['params'] = initial['params']!.map((value) => wide(halfBits(value)));
  const state = describeState(options, layout, definitions).map(({ name, shape }) => [
    name,
    { data: initial[name]!, dims: shape },
  ]);
  const rows = Object.entries(madeUpSteps(options, 1, new Philox(3, 'sampling'))).map(([name, { data, dims }]) => [
    name,
    { data, dims: dims.slice(1) },
  ]);
  const given = { ...(Object.fromEntries(rows) as PlainTensors), ...(Object.fromEntries(state) as PlainTensors) };
  const session = await InferenceSession.create(buildTrainingModel(options, 'uint8-nhwc', definitions));
  const feeds = session.inputNames.map((name) => [name, new Tensor(given[name]!.data as never, given[name]!.dims)]);
  const outputs = await session.run(Object.fromEntries(feeds) as never);
  await session.release();
  return outputs['gradients']!.data as Float32Array;
}

function optionsOf(model: string, imageSize: number): TrainingOptions {
  const sizes = { imageSize, batchSize, batchK, classes: batchSize / batchK };
  return { ...benchOptions({ model, optimizer: 'sgd', provider: 'cpu', ...sizes }), featDim: 64, dropout: 0 };
}

const sampling = fixedSampling(batchSize, batchK);
const half = { precision: 'fp16' } as const;

/** Of a model without kinks, where nothing but rounding turns the gradient. */
export async function smoothCosine(model: string, imageSize: number): Promise<number> {
  const options = optionsOf(model, imageSize);
  const definitions = { sampling, backbone: smoothBackbone(model) };
  return cosine(await gradientOf({ ...options, ...half }, definitions), await gradientOf(options, definitions));
}

/** Prints a row a model. */
export async function compareGradients(): Promise<void> {
  console.log('| model | px | without kinks | as it is | float32, of parameters that are rounded to float16 |');
  console.log('|---|---:|---:|---:|---:|');
  for (const [model, imageSize] of Object.entries(models)) {
    const options = optionsOf(model, imageSize);
    const reference = await gradientOf(options, { sampling });
    const cosines = [
      await smoothCosine(model, imageSize),
      cosine(await gradientOf({ ...options, ...half }, { sampling }), reference),
      cosine(await gradientOf(options, { sampling }, true), reference),
    ];
    console.log(`| ${model} | ${imageSize} | ${cosines.map((value) => value.toFixed(5)).join(' | ')} |`);
  }
}
