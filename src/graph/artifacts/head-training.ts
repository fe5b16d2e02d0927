/**
 * Training of the embedding head alone: what a backbone gave for some images is the input, its last linear layer `dense`
 * learns. The step is that of `artifacts.ts` without the backbone, small enough for a web page.
 */
import { GraphBuilder } from '../builder/builder.js';
import type { Value } from '../builder/builder.js';
import { defaultUniform } from '../nn/layers.js';
import { encodeModel } from '../onnx/schema.js';
import type { TrainingOptions } from '../options.js';
import { lossOf, optimizerOf } from '../parts/parts.js';
import { beginState } from '../parts/initial-state.js';
import type { StateParts } from '../parts/state.js';
import { stateTensors } from '../parts/state.js';
import { distanceWeighted } from '../samplings/distance-weighted.js';
import type { NetworkLayout, TrainingState } from '../state/state.js';
import type { State } from '../step/loop.js';
import { stepLoop } from '../step/loop.js';
import { embeddingHead } from '../step/network.js';
import { trainingStep } from '../step/step.js';
import { beginUpdate } from '../step/update.js';
import { sgd } from '../optimizers/index.js';

/** What a head's graphs are built from: distance-weighted sampling and the margin loss. `batchSize` is a multiple of `batchK`. */
export type HeadTrainingOptions = Pick<
  TrainingOptions,
  | 'featDim'
  | 'embedDim'
  | 'batchSize'
  | 'batchK'
  | 'classes'
  | 'margin'
  | 'nu'
  | 'learnBeta'
  | 'normalizeWeights'
  | 'optimizer'
  | 'momentum'
  | 'weightDecay'
>;

const partsOf = (options: HeadTrainingOptions): StateParts => ({
  loss: lossOf(options),
  optimizer: optimizerOf(options),
  ownRules: sgd.create({}, options),
});

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
export const headStateTensors = (options: HeadTrainingOptions): { name: string; shape: number[] }[] =>
  stateTensors(describeHead(options), partsOf(options)).filter(({ name }) => name !== 'buffers');

/**
 * The state before the first step: beta as given, the optimizer's vectors 0.
 *
 * @param params as `describeHead` lays them out; copied
 */
export function initialHeadState(options: HeadTrainingOptions, params: Float32Array, beta: number): TrainingState {
  const state = beginState(describeHead(options), partsOf(options), 0);
  return { ...state, params: params.slice(), beta: state['beta']!.fill(beta) };
}

/** @param inputs `features` [N, featDim]; `labels`, `uniforms`, `params`, `beta` as in `trainingStep` */
function headStep(
  g: GraphBuilder,
  { features, beta, ...inputs }: Record<'features' | 'labels' | 'uniforms' | 'params' | 'beta', Value>,
  options: HeadTrainingOptions,
) {
  const buffers = g.constant('float32', [0], []);
  return trainingStep(
    g,
    { ...inputs, buffers, own: { beta } },
    {
      network: (layers) => embeddingHead(g, layers, features, options.embedDim),
      layout: describeHead(options),
      loss: lossOf(options),
      sampling: distanceWeighted.create(options),
      mode: { provider: 'cpu' },
      batchK: options.batchK,
    },
  );
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
  const { loss, statistics, embeddings, gradient } = headStep(g, inputs, options);
  g.output('loss', loss);
  for (const [name, value] of Object.entries(statistics)) g.output(name, value);
  g.output('embeddings', embeddings);
  g.output('gradients', gradient.params);
  for (const [name, value] of Object.entries(gradient.own)) g.output(`${name}_gradient`, value);
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
    const update = beginUpdate(body, before, layout, partsOf(options), { backboneLrMult: 1 });
    const batch = {
      features: body.op('Gather', [features, row(indices)], { axis: 0 }),
      labels: row(labels),
      uniforms: row(uniforms),
    };
    const { params, beta } = before as Record<'params' | 'beta', Value>;
    const { loss, statistics, gradient } = headStep(body, { ...batch, params, beta }, options);
    const learningRate = { network: row(rates.network), own: { beta: row(rates.beta) } };
    const after: State = { ...before, ...update({ gradient, learningRate, norm: null }) };
    return { state: after, loss, rows: statistics };
  });
  return encodeModel(g.model('head_train_loop'));
}
