/**
 * Training of the embedding head alone: what a backbone gave for some images is the input, its last linear layer `dense`
 * learns. The step is that of `artifacts.ts` without the backbone, small enough for a web page.
 */
import type { Value } from './builder.js';
import { GraphBuilder } from './builder.js';
import { embeddingHead } from './head.js';
import { defaultUniform } from './nn.js';
import { encodeModel } from './onnx/schema.js';
import { optimizer } from './optim.js';
import type { LossOptions, TrainingOptions, UpdateOptions } from './options.js';
import type { NetworkLayout, StateTensor, TrainingState } from './state.js';
import { elementCount, stateTensors } from './state.js';
import { differentiableNetwork, lossStep } from './step.js';
import { stepLoop } from './step-loop.js';

/** What a head's graphs are built from; `batchSize` is a multiple of `batchK`. */
export type HeadTrainingOptions = LossOptions &
  Omit<UpdateOptions, 'backboneLrMult'> &
  Pick<TrainingOptions, 'featDim' | 'embedDim' | 'batchSize' | 'classes'>;

/** `dense.weight` [embedDim, featDim], then `dense.bias` [embedDim], in one flat vector. */
export function describeHead({ featDim, embedDim }: Pick<HeadTrainingOptions, 'featDim' | 'embedDim'>): NetworkLayout {
  const init = defaultUniform(featDim);
  const params = [
    { name: 'dense.weight', shape: [embedDim, featDim], init },
    { name: 'dense.bias', shape: [embedDim], init },
  ];
  const paramCount = embedDim * (featDim + 1);
  return { params, buffers: [], paramCount, bufferCount: 0, bodyCount: 0, dropoutCount: 0 };
}

/** The state's tensors: those of a whole training but for `buffers`, which a head has none of. */
export const headStateTensors = (options: HeadTrainingOptions): StateTensor[] =>
  stateTensors(describeHead(options), options.optimizer, options.classes).filter(({ name }) => name !== 'buffers');

/**
 * The state before the first step: beta as given, the optimizer's vectors 0.
 *
 * @param params as `describeHead` lays them out; copied
 */
export function initialHeadState(options: HeadTrainingOptions, params: Float32Array, beta: number): TrainingState {
  const zeros = headStateTensors(options).map(({ name, shape }) => [name, new Float32Array(elementCount(shape))]);
  const state = Object.fromEntries(zeros) as TrainingState;
  state['params']!.set(params);
  state['beta']!.fill(beta);
  return state;
}

/** @param inputs `features` [N, featDim]; `labels`, `uniforms`, `params`, `beta` as in `trainingStep` */
function headStep(
  g: GraphBuilder,
  inputs: Record<'features' | 'labels' | 'uniforms' | 'params' | 'beta', Value>,
  options: HeadTrainingOptions,
) {
  const state = { params: inputs.params, buffers: g.constant('float32', [0], []) };
  const network = differentiableNetwork(
    g,
    (layers) => embeddingHead(g, layers, inputs.features, options.embedDim),
    state,
    describeHead(options),
    { provider: 'cpu' },
  );
  return lossStep(g, network, inputs, options);
}

/**
 * One step without the update.
 *
 * Inputs: `features` [N, featDim], `labels` int32 [N], `uniforms` [N, batchK - 1], `params`, `beta`. Outputs: `loss`, `pairs`
 * (scalars), `embeddings` [N, embedDim], `gradients` (as `params`), `beta_gradient` (unless beta is constant).
 */
export function buildHeadGradientModel(options: HeadTrainingOptions): Uint8Array {
  const { batchSize, batchK, featDim, classes } = options;
  const g = new GraphBuilder();
  const inputs = {
    features: g.input('features', 'float32', [batchSize, featDim]),
    labels: g.input('labels', 'int32', [batchSize]),
    uniforms: g.input('uniforms', 'float32', [batchSize, batchK - 1]),
    params: g.input('params', 'float32', [describeHead(options).paramCount]),
    beta: g.input('beta', 'float32', [classes]),
  };
  const { loss, pairs, embeddings, gradient } = headStep(g, inputs, options);
  g.output('loss', loss);
  g.output('pairs', pairs);
  g.output('embeddings', embeddings);
  g.output('gradients', gradient.params);
  if (gradient.beta) g.output('beta_gradient', gradient.beta);
  return encodeModel(g.model('head_gradient'));
}

/**
 * K whole steps in one Loop; K is the first dimension of all inputs but `features` and the state.
 *
 * Inputs: `features` [images, featDim], of all images; `indices` int32 [steps, N], the rows of it that make each batch; `labels`
 * int32 [steps, N], `uniforms` [steps, N, batchK - 1], `lr` and `lr_beta` [steps], and the state by name. Outputs: NAME_out for
 * each state tensor, `losses` [steps], `pairs` int32 [steps].
 */
export function buildHeadTrainLoop(options: HeadTrainingOptions): Uint8Array {
  const { batchSize, batchK, featDim } = options;
  const g = new GraphBuilder();
  const layout = describeHead(options);
  const features = g.input('features', 'float32', ['images', featDim]);
  const indices = g.input('indices', 'int32', ['steps', batchSize]);
  const labels = g.input('labels', 'int32', ['steps', batchSize]);
  const uniforms = g.input('uniforms', 'float32', ['steps', batchSize, batchK - 1]);
  const rates = { network: g.input('lr', 'float32', ['steps']), beta: g.input('lr_beta', 'float32', ['steps']) };
  const state = headStateTensors(options).map(({ name, shape }) => [name, g.input(name, 'float32', shape)] as const);
  stepLoop(g, labels, Object.fromEntries(state), (body, row, before) => {
    const update = optimizer(body, before, layout, { ...options, backboneLrMult: 1 });
    const batch = {
      features: body.op('Gather', [features, row(indices)], { axis: 0 }),
      labels: row(labels),
      uniforms: row(uniforms),
    };
    const { params, beta } = before as Record<'params' | 'beta', Value>;
    const { loss, pairs, gradient } = headStep(body, { ...batch, params, beta }, options);
    const learningRate = { network: row(rates.network), beta: row(rates.beta) };
    return { state: { ...before, ...update({ gradient, learningRate }) }, loss, pairs };
  });
  return encodeModel(g.model('head_train_loop'));
}
