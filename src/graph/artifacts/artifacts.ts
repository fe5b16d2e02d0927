/** The emitted models: what goes in and comes out of each is in artifacts/README.md. */
import type { Value } from '../builder/builder.js';
import { GraphBuilder } from '../builder/builder.js';
import { InferenceLayers } from '../nn/inference.js';
import { TensorMap } from '../nn/tensor-map.js';
import { encodeModel } from '../onnx/schema.js';
import type { NetworkOptions, Provider, TrainingOptions } from '../options.js';
import type { Definitions, Parts } from '../parts/parts.js';
import { backboneOf, partsOf } from '../parts/parts.js';
import { lossScale } from '../parts/state.js';
import { vectorsOf } from '../optimizers/rule.js';
import { unpack } from '../state/flat.js';
import { packingOf } from '../state/packing.js';
import type { NetworkLayout } from '../state/state.js';
import { describeNetwork } from '../step/describe.js';
import { gradientNorm } from '../step/guard.js';
import { finishStep } from '../step/finish.js';
import { scaleIn } from '../step/loss-scale.js';
import type { Conversions, LoopedStep, State } from '../step/loop.js';
import { stepLoop } from '../step/loop.js';
import { backboneFeatures, backbonePath, embeddingHead, imagesToFeatures } from '../step/network.js';
import { trainingStep, tupleTensors } from '../step/step.js';
import { beginUpdate } from '../step/update.js';
import type { ImageInput } from './on-images.js';
import {
  dropoutBytes,
  learningParameters,
  ownOf,
  rateInputs,
  rateNames,
  stateInputs,
  uniformsShape,
} from './inputs.js';
import { decoded, imageInput, onFeatures, onImages } from './on-images.js';

export type { ImageInput } from './on-images.js';

export { dropoutBytes, learningParameters, uniformsShape } from './inputs.js';

/** What a step reads of the state. */
const stepState = (g: GraphBuilder, state: State, parts: Parts) => ({
  params: state['params']!,
  buffers: state['buffers']!,
  own: ownOf(state, parts),
  ...(parts.scalesLoss && { scale: scaleIn(g, state[lossScale]!) }),
});

/** What a step of these options is made of, but for the network. */
const stepParts = (layout: NetworkLayout, { loss, sampling }: Parts, { batchK }: TrainingOptions) => ({
  ...{ layout, loss, sampling, batchK },
});

/**
 * One step without the update.
 *
 * Inputs: `images`, `labels` int32 [N], `uniforms` [N, batchK - 1] (or what the sampling declares), `dropout` uint8
 * [dropoutBytes] where there are some, `params`, `buffers`, and the loss's parameters (`beta`). Outputs: `loss`, its statistics
 * (`pairs`; scalars), `embeddings` [N, embedDim], the tuples that depend on the batch (`negatives` int32 [N, batchK - 1]),
 * `gradients` (as `params`), NAME_gradient for each of the loss's parameters that learns, `buffers_out`.
 */
export function buildTrainingModel(
  options: TrainingOptions,
  input: ImageInput = 'uint8-nhwc',
  definitions: Definitions = {},
): Uint8Array {
  const g = new GraphBuilder(options.provider, '', [], options);
  const parts = partsOf(options, definitions);
  const layout = describeNetwork(options, definitions);
  const embedding = onImages(g, imageInput(g, options, input), parts, options);
  const labels = g.input('labels', 'int32', [options.batchSize]);
  const random = uniformsShape(parts, options);
  const uniforms = random && g.input('uniforms', 'float32', random);
  const bytes = dropoutBytes(layout, options);
  const dropout = bytes ? g.input('dropout', 'uint8', [bytes]) : null;
  const forward = ['params', 'buffers', ...rateNames(parts), ...(parts.scalesLoss ? [lossScale] : [])];
  const state = stateInputs(g, layout, parts, (name) => forward.includes(name));
  const inputs = { labels, uniforms, ...stepState(g, state, parts) };
  const step = trainingStep(g, inputs, { ...stepParts(layout, parts, options), ...embedding(dropout) });
  g.output('loss', step.loss);
  for (const [name, value] of Object.entries(step.statistics)) g.output(name, value);
  g.output('embeddings', step.embeddings);
  for (const [name, value] of Object.entries(tupleTensors(step.tuples))) g.output(name, value);
  g.output('gradients', step.gradient.params);
  for (const [name, value] of Object.entries(step.gradient.own)) g.output(`${name}_gradient`, value);
  g.output('buffers_out', step.buffers);
  return encodeModel(g.model('training'));
}

/**
 * One update. Inputs: `gradients`, NAME_gradient for each of the loss's parameters that learns, `lr`, `lr_NAME` (scalars) and the
 * state but for `buffers`; outputs: NAME_out for each of it.
 */
export function buildOptimizerModel(options: TrainingOptions, definitions: Definitions = {}): Uint8Array {
  const g = new GraphBuilder(options.provider, '', [], options);
  const parts = partsOf(options, definitions);
  const layout = describeNetwork(options, definitions);
  const params = g.input('gradients', 'float32', [layout.paramCount]);
  const learning = (parts.loss.parameters ?? []).filter(({ learns }) => learns);
  const own = learning.map(({ name, shape }) => [name, g.input(`${name}_gradient`, 'float32', shape)]);
  const learningRate = rateInputs(g, parts, []);
  const state = stateInputs(g, layout, parts, (name) => name !== 'buffers' && name !== lossScale);
  const { clipNorm } = options;
  const tensors = clipNorm === undefined ? [] : [...unpack(g, params, layout.params).values()];
  const norm = gradientNorm(g, tensors, { clipNorm });
  const gradient = { params, own: Object.fromEntries(own) as State };
  const update = beginUpdate(g, state, layout, parts, options)({ gradient, learningRate, norm });
  const next = { ...state, ...update };
  for (const [name, value] of Object.entries(next)) g.output(`${name}_out`, value);
  return encodeModel(g.model('optimizer'));
}

/** Whether a training takes in place of images what their frozen backbone has given for them. */
export interface TakesFeatures {
  takesFeatures?: boolean;
}

/** Whether only the head learns: everything else is the same in each step. */
export const learnsHeadAlone = ({ params, dropoutCount, fewestNormalized }: NetworkLayout): boolean =>
  params.every(({ name }) => !name.startsWith(backbonePath(''))) &&
  dropoutCount === 0 &&
  fewestNormalized === undefined;

/** A network whose backbone has no place in the state. */
const headOf = (layout: NetworkLayout): NetworkLayout => {
  if (learnsHeadAlone(layout)) return { ...layout, buffers: [], bufferCount: 0 };
  throw new Error('features stand for images only where nothing but the head learns');
};

/**
 * K whole steps in one Loop; K is the first dimension of the data.
 *
 * Inputs: `images` uint8 [steps, N, H, W, 3] (or float32 [steps, N, featDim] where it takes features, and then no `buffers`), `labels` int32 [steps, N], `uniforms` [steps, N, batchK - 1] (or what the sampling
 * declares), `dropout` uint8 [steps, dropoutBytes] where there are some, `lr` and `lr_NAME` of the loss's parameters [steps],
 * and the state by name. Outputs: NAME_out for each state tensor, `losses` [steps], the loss's statistics [steps] (`pairs`
 * int32), with clipping, skipping or mixed precision `gradient_norms` [steps], before the clipping, and with mixed precision `loss_scales`
 * [steps].
 */
export function buildTrainLoop(options: TrainingOptions & TakesFeatures, definitions: Definitions = {}): Uint8Array {
  const g = new GraphBuilder(options.provider, '', [], options);
  const parts = partsOf(options, definitions);
  const described = describeNetwork(options, definitions);
  const { batchSize, imageSize, featDim, takesFeatures } = options;
  const layout = takesFeatures ? headOf(described) : described;
  const images = takesFeatures
    ? g.input('images', 'float32', ['steps', batchSize, featDim])
    : g.input('images', 'uint8', ['steps', batchSize, imageSize, imageSize, 3]);
  const labels = g.input('labels', 'int32', ['steps', batchSize]);
  const random = uniformsShape(parts, options);
  const uniforms = random && g.input('uniforms', 'float32', ['steps', ...random]);
  const bytes = dropoutBytes(layout, options);
  const dropout = bytes ? g.input('dropout', 'uint8', ['steps', bytes]) : null;
  const rates = rateInputs(g, parts, ['steps']);
  const initial = stateInputs(g, layout, parts, (name) => !takesFeatures || name !== 'buffers');
  const packing = packingOf(options.provider, layout);
  const step = (body: GraphBuilder, row: (data: Value) => Value, carried: State): LoopedStep => {
    const before = takesFeatures ? { ...carried, buffers: body.constant('float32', [0], []) } : carried;
    const update = beginUpdate(body, before, packing.places, parts, options);
    const embedding = takesFeatures
      ? onFeatures(body, row(images), options)
      : onImages(body, decoded(row(images), options), parts, options);
    const data = { labels: row(labels), uniforms: uniforms && row(uniforms) };
    const made = { ...stepParts(layout, parts, options), ...embedding(dropout && row(dropout)), packing };
    const state = stepState(body, before, parts);
    const { loss, statistics, gradient, buffers } = trainingStep(body, { ...data, ...state }, made);
    const learningRate = () => ({
      network: row(rates.network),
      own: Object.fromEntries(learningParameters(parts).map((name) => [name, row(rates.own[name]!)])),
    });
    const reached = { before, update, loss, gradient, buffers, learningRate };
    const next = finishStep(body, reached, parts, packing.places, options, state.scale);
    return { state: next.state, loss, rows: { ...statistics, ...next.rows } };
  };
  const asParams = ['params', ...vectorsOf(parts.optimizer)].map((name) => [name, packing.params]);
  stepLoop(g, labels, initial, step, { ...(Object.fromEntries(asParams) as Conversions), buffers: packing.buffers });
  return encodeModel(g.model('train_loop'));
}

interface Embedded {
  features: Value;
  embeddings: Value;
}

/** A network that is run on images, and where: `cpu` unless given. */
export interface EvaluationOptions extends NetworkOptions {
  provider?: Provider;
}

function evaluation(g: GraphBuilder, network: EvaluationOptions, definitions: Definitions): Embedded {
  const layout = describeNetwork(network, definitions);
  const { imageSize, provider = 'cpu' } = network;
  const images = g.input('images', 'uint8', ['batch', imageSize, imageSize, 3]);
  const packing = packingOf(provider, layout);
  const params = packing.params.fromFlat(g, g.input('params', 'float32', [layout.paramCount]));
  const buffers = packing.buffers.fromFlat(g, g.input('buffers', 'float32', [layout.bufferCount]));
  const layers = new InferenceLayers(g, new TensorMap(params, buffers));
  const planes = imagesToFeatures(g, images, 'NCHW', network);
  const features = backboneFeatures(layers, planes, network, backboneOf(network, definitions));
  return { features, embeddings: embeddingHead(g, layers, features, network.embedDim) };
}

/** Inputs: `images` uint8 [batch, H, W, 3], `params`, `buffers`. Output: `embeddings` [batch, embedDim]. */
export function buildEvalModel(network: EvaluationOptions, definitions: Definitions = {}): Uint8Array {
  const g = new GraphBuilder();
  g.output('embeddings', evaluation(g, network, definitions).embeddings);
  return encodeModel(g.model('eval'));
}

/** `buildEvalModel` with another output: `features` [batch, featDim], what the last linear layer takes. */
export function buildFeaturesModel(network: EvaluationOptions, definitions: Definitions = {}): Uint8Array {
  const g = new GraphBuilder();
  const { features, embeddings } = evaluation(g, network, definitions);
  g.output('embeddings', embeddings);
  g.output('features', features);
  return encodeModel(g.model('features'));
}

/**
 * What embeds features of a network whose head alone learns. Inputs: `features` [batch, featDim], `params`. Output: `embeddings` [batch, embedDim].
 *
 * @throws Error for another network
 */
export function buildHeadModel(network: EvaluationOptions, definitions: Definitions = {}): Uint8Array {
  const g = new GraphBuilder();
  const layout = headOf(describeNetwork(network, definitions));
  const features = g.input('features', 'float32', ['batch', network.featDim]);
  const params = unpack(g, g.input('params', 'float32', [layout.paramCount]), layout.params);
  const layers = new InferenceLayers(g, new TensorMap(params, new Map()));
  g.output('embeddings', embeddingHead(g, layers, features, network.embedDim));
  return encodeModel(g.model('head'));
}
