/** How far the gradient of one step turns in mixed precision, and where that comes from. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { buildTrainingModel } from '../../src/graph/artifacts/artifacts.js';
import { halfBits } from '../../src/graph/onnx/float16.js';
import type { TrainingOptions } from '../../src/graph/options.js';
import type { Definitions } from '../../src/graph/parts/parts.js';
import { Philox } from '../../src/graph/state/philox.js';
import type { TrainingState } from '../../src/graph/state/state.js';
import { describeNetwork, describeState, initialState } from '../../src/graph/step/describe.js';
import { loadCheckpoint } from '../../src/runner/checkpoints/checkpoint.js';
import type { PlainTensors } from '../../src/runner/compute/engine.js';
import { openSplits } from '../../src/runner/data-sets/open-data.js';
import type { ImageSet } from '../../src/runner/data/folder.js';
import { ImageLoader } from '../../src/runner/data/loader.js';
import { train } from '../../src/runner/jobs/train.js';
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

/** In place of the first state and of made-up images. */
interface Given {
  state: TrainingState;
  images: { pixels: Uint8Array; labels: Int32Array };
}

/** @param isRounded takes the parameters as float16 holds them */
async function gradientOf(
  options: TrainingOptions,
  definitions: Definitions,
  { given: own, isRounded = false }: { given?: Given; isRounded?: boolean } = {},
): Promise<Float32Array> {
  const layout = describeNetwork(options, definitions);
  const initial = { ...initialState(options, 1, layout, definitions), ...own?.state };
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
  if (own) {
    given['images']!.data = own.images.pixels;
    given['labels']!.data = own.images.labels;
  }
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

interface Trained {
  data: string;
  steps: number;
  size: number;
}

const trainedBatch = { batchSize: 40, batchK: 5 };

/** Of a model that has learnt, and a batch of the images that it learns from. */
async function trainedCosines(model: string, smallest: number, { data, steps, size }: Trained): Promise<number[]> {
  const out = await mkdtemp(path.join(tmpdir(), 'dws-precision-'));
  const imageSize = Math.max(smallest, size);
  try {
    await train({
      ...{ dataPath: data, out, model, imageSize, ...trainedBatch, featDim: 64, dropout: 0, cache: 'ram' },
      ...{ optimizer: 'adam', lr: 3e-4, steps: [], epochs: 1, batchNum: steps, evalEvery: 0 },
    });
    const { state, metadata } = await loadCheckpoint(path.join(out, 'checkpoint.safetensors'));
    const { train: set } = await openSplits(data, false, {});
    const images = await batchOf(set, imageSize);
    const options = { ...metadata.options, dropout: 0 };
    const given = { state, images };
    const definitions = { sampling: fixedSampling(trainedBatch.batchSize, trainedBatch.batchK) };
    const reference = await gradientOf(options, definitions, { given });
    return [
      cosine(await gradientOf({ ...options, ...half }, definitions, { given }), reference),
      cosine(await gradientOf(options, definitions, { given, isRounded: true }), reference),
    ];
  } finally {
    await rm(out, { recursive: true });
  }
}

/** The first images of the first classes. */
async function batchOf({ images }: ImageSet, imageSize: number): Promise<Given['images']> {
  const { batchSize, batchK } = trainedBatch;
  const labels = [...new Set(images.map(({ label }) => label))];
  const taken = labels
    .map((label) => images.filter((image) => image.label === label).slice(0, batchK))
    .filter((some) => some.length === batchK)
    .slice(0, batchSize / batchK)
    .flat();
  const loader = new ImageLoader({ imageSize, resize: 'stretch', filter: 'triangle', workers: 0, cache: 'none' });
  try {
    const pixels = await loader.decode(taken.map((image) => image.path));
    return { pixels, labels: Int32Array.from(taken, ({ label }) => label) };
  } finally {
    await loader.close();
  }
}

/** Prints a row a model. */
export async function compareTrainedGradients(trained: Trained, only: readonly string[]): Promise<void> {
  console.log(`${trained.steps} steps of Adam at 3e-4, ${trained.size} px or more, 40 images\n`);
  console.log('| model | as it is | float32, of parameters that are rounded to float16 |');
  console.log('|---|---:|---:|');
  for (const [model, smallest] of Object.entries(models)) {
    if (only.length > 0 && !only.includes(model)) continue;
    const cosines = await trainedCosines(model, smallest, trained);
    console.log(`| ${model} | ${cosines.map((value) => value.toFixed(5)).join(' | ')} |`);
  }
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
      cosine(await gradientOf(options, { sampling }, { isRounded: true }), reference),
    ];
    console.log(`| ${model} | ${imageSize} | ${cosines.map((value) => value.toFixed(5)).join(' | ')} |`);
  }
}
