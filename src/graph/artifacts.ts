/** The emitted models: what goes in and comes out of each is in artifacts/README.md. */
import type { Value } from './builder.js';
import { GraphBuilder } from './builder.js';
import { describeNetwork, TensorMap, unpack } from './flat.js';
import { clipGradient, gradientNorm, skipNotFinite } from './guard.js';
import { embed, imagesToFeatures } from './head.js';
import { InferenceLayers } from './inference.js';
import { encodeModel } from './onnx/schema.js';
import { optimizer } from './optim.js';
import type { NetworkOptions, TrainingOptions } from './options.js';
import type { NetworkLayout } from './state.js';
import { stateTensors } from './state.js';
import { stepLoop } from './step-loop.js';
import { trainingStep } from './step.js';

/** How `training_model.onnx` takes its images: decoded bytes, or feature maps that are normalized already. */
export type ImageInput = 'uint8-nhwc' | 'float32-nchw';

/** The part of the state that the forward pass reads. */
type CoreState = Record<'params' | 'buffers' | 'beta', Value>;

const stateInputs = (
  g: GraphBuilder,
  layout: NetworkLayout,
  { optimizer: kind, classes }: TrainingOptions,
  names?: string[],
) =>
  Object.fromEntries(
    stateTensors(layout, kind, classes)
      .filter(({ name }) => !names || names.includes(name))
      .map(({ name, shape }) => [name, g.input(name, 'float32', shape)]),
  );

/** How many random bytes dropout takes a step: one an element; 0 without dropout. */
export const dropoutBytes = (layout: NetworkLayout, { dropout, batchSize }: TrainingOptions): number =>
  dropout > 0 ? layout.dropoutCount * batchSize : 0;

function featureInput(g: GraphBuilder, { batchSize, imageSize }: TrainingOptions, input: ImageInput): Value {
  if (input === 'uint8-nhwc') {
    return imagesToFeatures(g, g.input('images', 'uint8', [batchSize, imageSize, imageSize, 3]), 'CNHW');
  }
  const images = g.input('images', 'float32', [batchSize, 3, imageSize, imageSize]);
  return g.op('Transpose', [images], { perm: [1, 0, 2, 3] });
}

/**
 * One step without the update.
 *
 * Inputs: `images`, `labels` int32 [N], `uniforms` [N, batchK - 1], `dropout` uint8 [dropoutBytes] where there are some,
 * `params`, `buffers`, `beta`. Outputs: `loss`, `pairs`
 * (scalars), `embeddings` [N, embedDim], `negatives` int32 [N, batchK - 1], `gradients` (as `params`), `beta_gradient` (unless
 * beta is constant), `buffers_out`.
 */
export function buildTrainingModel(options: TrainingOptions, input: ImageInput = 'uint8-nhwc'): Uint8Array {
  const g = new GraphBuilder();
  const layout = describeNetwork(options);
  const { batchSize, batchK } = options;
  const features = featureInput(g, options, input);
  const labels = g.input('labels', 'int32', [batchSize]);
  const uniforms = g.input('uniforms', 'float32', [batchSize, batchK - 1]);
  const bytes = dropoutBytes(layout, options);
  const dropout = bytes ? g.input('dropout', 'uint8', [bytes]) : null;
  const state = stateInputs(g, layout, options, ['params', 'buffers', 'beta']) as unknown as CoreState;
  const step = trainingStep(g, { features, labels, uniforms, dropout, ...state }, layout, options);
  g.output('loss', step.loss);
  g.output('pairs', step.pairs);
  g.output('embeddings', step.embeddings);
  g.output('negatives', step.negatives);
  g.output('gradients', step.gradient.params);
  if (step.gradient.beta) g.output('beta_gradient', step.gradient.beta);
  g.output('buffers_out', step.buffers);
  return encodeModel(g.model('training'));
}

/**
 * One update. Inputs: `gradients`, `beta_gradient` (unless beta is constant), `lr`, `lr_beta` (scalars) and the state but for
 * `buffers`; outputs: NAME_out for each of it.
 */
export function buildOptimizerModel(options: TrainingOptions): Uint8Array {
  const g = new GraphBuilder();
  const layout = describeNetwork(options);
  const params = g.input('gradients', 'float32', [layout.paramCount]);
  const beta = options.learnBeta ? g.input('beta_gradient', 'float32', [options.classes]) : null;
  const learningRate = { network: g.input('lr', 'float32', []), beta: g.input('lr_beta', 'float32', []) };
  const names = stateTensors(layout, options.optimizer, options.classes).map(({ name }) => name);
  const state = stateInputs(
    g,
    layout,
    options,
    names.filter((name) => name !== 'buffers'),
  );
  const { clipNorm } = options;
  const tensors = clipNorm === undefined ? [] : [...unpack(g, params, layout.params).values()];
  const clipped = clipGradient(g, params, gradientNorm(g, tensors, { clipNorm }), { clipNorm });
  const update = optimizer(g, state, layout, options)({ gradient: { params: clipped, beta }, learningRate });
  const next = { ...state, ...update };
  for (const [name, value] of Object.entries(next)) g.output(`${name}_out`, value);
  return encodeModel(g.model('optimizer'));
}

/**
 * K whole steps in one Loop; K is the first dimension of the data.
 *
 * Inputs: `images` uint8 [steps, N, H, W, 3], `labels` int32 [steps, N], `uniforms` [steps, N, batchK - 1], `dropout` uint8
 * [steps, dropoutBytes] where there are some, `lr` and `lr_beta` [steps], and the state by name. Outputs: NAME_out for each state tensor, `losses` [steps], `pairs` int32
 * [steps], and with clipping or skipping `gradient_norms` [steps], before the clipping.
 */
export function buildTrainLoop(options: TrainingOptions): Uint8Array {
  const g = new GraphBuilder();
  const layout = describeNetwork(options);
  const { batchSize, batchK, imageSize } = options;
  const images = g.input('images', 'uint8', ['steps', batchSize, imageSize, imageSize, 3]);
  const labels = g.input('labels', 'int32', ['steps', batchSize]);
  const uniforms = g.input('uniforms', 'float32', ['steps', batchSize, batchK - 1]);
  const bytes = dropoutBytes(layout, options);
  const dropout = bytes ? g.input('dropout', 'uint8', ['steps', bytes]) : null;
  const rates = { network: g.input('lr', 'float32', ['steps']), beta: g.input('lr_beta', 'float32', ['steps']) };
  stepLoop(g, labels, stateInputs(g, layout, options), (body, row, before) => {
    const { params, buffers, beta } = before as unknown as CoreState;
    const update = optimizer(body, before, layout, options);
    const features = imagesToFeatures(body, row(images), 'CNHW');
    const data = { features, labels: row(labels), uniforms: row(uniforms), dropout: dropout && row(dropout) };
    const step = trainingStep(body, { ...data, params, buffers, beta }, layout, options);
    const { loss, pairs } = step;
    const norm = gradientNorm(body, step.gradient.tensors, options);
    const gradient = { ...step.gradient, params: clipGradient(body, step.gradient.params, norm, options) };
    const learningRate = { network: row(rates.network), beta: row(rates.beta) };
    const after = { ...before, ...update({ gradient, learningRate }), buffers: step.buffers };
    const state = skipNotFinite(body, { before, after, loss, norm }, options);
    return { state, loss, pairs, ...(norm && { rows: { gradient_norms: norm } }) };
  });
  return encodeModel(g.model('train_loop'));
}

/** Inputs: `images` uint8 [batch, H, W, 3], `params`, `buffers`. Output: `embeddings` [batch, embedDim]. */
export function buildEvalModel(network: NetworkOptions): Uint8Array {
  const g = new GraphBuilder();
  const layout = describeNetwork(network);
  const { imageSize } = network;
  const images = g.input('images', 'uint8', ['batch', imageSize, imageSize, 3]);
  const params = unpack(g, g.input('params', 'float32', [layout.paramCount]), layout.params);
  const buffers = unpack(g, g.input('buffers', 'float32', [layout.bufferCount]), layout.buffers);
  const layers = new InferenceLayers(g, new TensorMap(params, buffers));
  g.output('embeddings', embed(g, layers, imagesToFeatures(g, images, 'NCHW'), network));
  return encodeModel(g.model('eval'));
}
