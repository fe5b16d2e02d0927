/** Trainings in pieces beside those of the whole batch: the losses, the negatives of every step, and its gradient. */
import type { TrainingOptions } from '../../src/graph/options.js';
import { buildTrainingModel, buildTrainLoop } from '../../src/graph/artifacts/artifacts.js';
import { Philox } from '../../src/graph/state/philox.js';
import { chooseEngine } from '../../src/runner/compute/engines.js';
import type { EngineSession, HeldTensors, PlainTensors } from '../../src/runner/compute/engine.js';
import { pieceSizes, replicas } from '../../test/helpers/replicas.js';
import { smoothBackbone } from '../../test/helpers/smooth-backbones.js';
import { median } from '../step/main.js';
import { benchOptions, initialFeeds, madeUpSteps } from '../training.js';

/** A model of each family, and about the smallest image that it takes. */
const models: Readonly<Record<string, number>> = {
  alexnet: 63,
  densenet121: 32,
  inception_v3: 75,
  resnet18: 32,
  squeezenet1_1: 32,
  vgg11: 32,
};
const optimizers = ['sgd', 'adam'] as const;

const steps = 20;
/** A last piece of 4. */
const [batchSize, batchK, piece] = [20, 4, 8] as const;
/** Of losses, and of gradients relative to their largest value. */
const bound = 1e-5;
/** Above it, a ReLU or a maximum has turned in a step; and in how many steps one may. */
const turned = 1e-4;
const mostTurned = steps / 4;
/**
 * Of gradients without kinks. Inception's layers of Tanh make more of rounding than of ReLU: whole batches of 8, 12 and 16 images have embeddings
 * that are up to 5e-5 from those of 20, where with ReLU it is 5e-7.
 */
const smoothBound = 2e-4;

const deviceOf = (threads: number) => ({ device: 'cpu', deviceId: 0, threads }) as const;

interface Training {
  state: HeldTensors;
  loop: EngineSession;
}

const largest = (values: readonly number[]): number => Math.max(...values);
const turnedIn = (gradients: readonly number[]): number => gradients.filter((distance) => !(distance <= turned)).length;

function relative(values: Float32Array, reference: Float32Array): number {
  let [worst, most] = [0, 1e-30];
  reference.forEach((value, i) => {
    worst = Math.max(worst, Math.abs(values[i]! - value));
    most = Math.max(most, Math.abs(value));
  });
  return worst / most;
}

async function open(model: Uint8Array, threads = 2): Promise<EngineSession> {
  const device = deviceOf(threads);
  return (await chooseEngine(device)).engine.open(model, device, {});
}

async function begin(options: TrainingOptions, threads: number): Promise<Training> {
  const device = deviceOf(threads);
  const state = await (await chooseEngine(device)).engine.holder(device);
  await state.hold(initialFeeds(options));
  return { state, loop: await open(buildTrainLoop(options), threads) };
}

/** A step's data without the axis of steps. */
const oneStep = (data: PlainTensors): PlainTensors =>
  Object.fromEntries(Object.entries(data).map(([name, { data, dims }]) => [name, { data, dims: dims.slice(1) }]));

/** What a graph without the update makes of the state that a training has. */
async function look(session: EngineSession, state: HeldTensors, data: PlainTensors) {
  const names = session.inputNames.filter((name) => !(name in data));
  const read = await state.read(names);
  const given = Object.fromEntries(names.map((name) => [name, { data: read[name]!, dims: [read[name]!.length] }]));
  // Nothing is held, so that running statistics come back instead of being renewed.
  const nothing = { place: () => undefined };
  const outputs = await session.run({ ...oneStep(data), ...given }, nothing);
  return {
    loss: outputs['loss']!.data[0]!,
    negatives: outputs['negatives']!.data as Int32Array,
    gradients: outputs['gradients']!.data as Float32Array,
  };
}

/** Gradients of three batches from the first state, of the network with Tanh for ReLU and means for maxima. */
async function compareSmooth(options: TrainingOptions): Promise<number> {
  const definitions = { backbone: smoothBackbone(options.model) };
  const models = [options, { ...options, microBatch: piece }].map((one) =>
    buildTrainingModel(one, 'uint8-nhwc', definitions),
  );
  const [whole, pieces] = [await open(models[0]!), await open(models[1]!)];
  const state = await (await chooseEngine(deviceOf(2))).engine.holder(deviceOf(2));
  await state.hold(initialFeeds(options));
  const random = new Philox(0, 'sampling');
  const distances: number[] = [];
  for (let batch = 0; batch < 3; batch++) {
    const data = madeUpSteps(options, 1, random);
    const [a, b] = [await look(whole, state, data), await look(pieces, state, data)];
    distances.push(relative(b.gradients, a.gradients));
  }
  for (const opened of [whole, pieces, state]) await opened.release();
  return largest(distances);
}

interface Compared {
  /** Of each step, from the same state. */
  loss: number[];
  gradients: number[];
  /** Of the network without kinks, where it was compared. */
  smooth?: number;
  otherNegatives: number;
  /** Of each step, of trainings that go their own way: in pieces, and of the whole batch on another number of threads. */
  own?: { pieces: number[]; threads: number[] };
}

/** Takes the steps of a training. @param before each of them */
async function take(
  options: TrainingOptions,
  threads: number,
  before?: (state: HeldTensors, data: PlainTensors) => Promise<void>,
): Promise<number[]> {
  const { state, loop } = await begin(options, threads);
  const random = new Philox(0, 'sampling');
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    const data = madeUpSteps(options, 1, random);
    await before?.(state, data);
    losses.push((await loop.run(data, state))['losses']!.data[0]!);
  }
  await loop.release();
  await state.release();
  return losses;
}

const apart = (a: readonly number[], b: readonly number[]): number[] => a.map((loss, i) => Math.abs(loss - b[i]!));

/**
 * Runs `reference` and the pieces from the states of a training, step by step.
 *
 * @param whole that training's options
 * @param hasOwn whether the training is that of the whole batch, which the pieces follow; theirs unless
 */
async function compare(whole: TrainingOptions, reference: Uint8Array, hasOwn: boolean): Promise<Compared> {
  const pieces: TrainingOptions = { ...whole, microBatch: piece };
  const [expected, given] = [await open(reference), await open(buildTrainingModel(pieces))];
  const compared: Compared = { loss: [], gradients: [], otherNegatives: 0 };
  const losses = await take(hasOwn ? whole : pieces, 2, async (state, data) => {
    const [a, b] = [await look(expected, state, data), await look(given, state, data)];
    compared.loss.push(Math.abs(a.loss - b.loss));
    compared.gradients.push(relative(b.gradients, a.gradients));
    compared.otherNegatives += a.negatives.filter((negative, i) => negative !== b.negatives[i]).length;
  });
  for (const session of [expected, given]) await session.release();
  // One after the other: the state of a VGG with Adam's takes 1.6 GB.
  if (hasOwn)
    compared.own = {
      pieces: apart(await take(pieces, 2), losses),
      threads: apart(await take(whole, 1), losses),
    };
  return compared;
}

/** The largest, and the first step whose distance is above the bound. */
function told(distances: readonly number[]): string {
  const first = distances.findIndex((distance) => !(distance <= bound));
  return `${largest(distances).toExponential(1)}${first < 0 ? '' : `, from step ${first + 1} on`}`;
}

function problemsOf(name: string, { loss, gradients, smooth = 0, otherNegatives, own }: Compared): string[] {
  const above = (distances: readonly number[], most: number) => !(largest(distances) <= most);
  return [
    ...(above(loss, bound) ? [`${name}: losses ${largest(loss).toExponential(1)} apart`] : []),
    ...(above([median(gradients)], bound) ? [`${name}: gradients ${median(gradients).toExponential(1)} apart`] : []),
    ...(above([smooth], smoothBound) ? [`${name}: gradients without kinks ${smooth.toExponential(1)} apart`] : []),
    ...(turnedIn(gradients) > mostTurned ? [`${name}: gradients of ${turnedIn(gradients)} steps are apart`] : []),
    ...(otherNegatives > 0 ? [`${name}: ${otherNegatives} negatives are others`] : []),
    // Where the whole batch leaves its own losses as far behind with sums in another order, they say nothing of the pieces.
    ...(own && above(own.pieces, bound) && !above(own.threads, bound)
      ? [`${name}: losses of a training in pieces ${told(own.pieces)}`]
      : []),
  ];
}

/** @param names of models, in order; all unless given @returns what does not hold */
export async function compareNumbers(names: readonly string[] = Object.keys(models)): Promise<string[]> {
  const unknown = names.find((name) => !Object.hasOwn(models, name));
  if (unknown !== undefined) throw new Error(`--models ${unknown}: give some of ${Object.keys(models).join(', ')}`);
  console.log(
    '| model | px | optimizer | statistics | other negatives | loss | gradient, median | above 1e-4 | without kinks | loss of its own way | whole batch on 1 thread |',
  );
  console.log('|---|---:|---|---|---:|---:|---:|---:|---:|---|---|');
  const problems: string[] = [];
  for (const [model, imageSize] of names.map((name) => [name, models[name]!] as const))
    for (const optimizer of optimizers)
      for (const statistics of ['frozen', 'of a piece'] as const) {
        const sizes = { imageSize, batchSize, batchK, classes: batchSize / batchK };
        const isFrozen = statistics === 'frozen';
        const options = {
          ...benchOptions({ model, optimizer, provider: 'cpu', ...sizes }),
          ...{ clipNorm: 1, freezeBn: isFrozen, ...(!isFrozen && { dropout: 0 }) },
        };
        if (!isFrozen && initialFeeds(options)['buffers']!.data.length === 0) continue;
        const reference = isFrozen ? buildTrainingModel(options) : replicas(options, pieceSizes(batchSize, piece));
        const compared = await compare(options, reference, isFrozen);
        // The first gradients know of no optimizer.
        if (isFrozen && optimizer === optimizers[0]) compared.smooth = await compareSmooth(options);
        const { loss, gradients, smooth, otherNegatives, own } = compared;
        const cells = [
          ...[model, imageSize, optimizer, statistics, otherNegatives],
          ...[largest(loss).toExponential(1), median(gradients).toExponential(1), turnedIn(gradients)],
          smooth?.toExponential(1) ?? '',
          ...(own ? [told(own.pieces), told(own.threads)] : ['', '']),
        ];
        console.log(`| ${cells.join(' | ')} |`);
        problems.push(...problemsOf(`${model}, ${optimizer}, ${statistics}`, compared));
      }
  return problems;
}
