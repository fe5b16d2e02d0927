/** One training step as a graph: forward, sampling, loss and gradients. */
import { gradients } from './autodiff.js';
import type { GraphBuilder, Value } from './builder.js';
import { TensorMap, pack, unpack } from './flat.js';
import { embed } from './head.js';
import { marginLoss } from './loss.js';
import { randomDropout } from './ops/dropout.js';
import type { Layers } from './nn.js';
import type { LossOptions, NetworkOptions, Provider, TrainingOptions } from './options.js';
import { sampleNegatives, samplingWeights } from './sampling.js';
import type { NetworkLayout } from './state.js';
import type { TrainingMode } from './training.js';
import { TrainingLayers } from './training.js';

/** A differentiable network over flat state. */
export interface NetworkGraph {
  /** [N, embedDim], L2-normalized. */
  embeddings: Value;
  /** The flat running statistics after this batch. */
  buffers: Value;
  /** The flat gradient of a scalar with respect to the parameters, the tensors in it, and those with respect to `others`. */
  gradients(loss: Value, others?: readonly Value[]): { params: Value; tensors: Value[]; others: Value[] };
}

/** @param features float32 [3, N, H, W], normalized */
export function networkGraph(
  g: GraphBuilder,
  features: Value,
  state: { params: Value; buffers: Value },
  layout: NetworkLayout,
  options: NetworkOptions & { provider: Provider },
  mode: Omit<TrainingMode, 'provider'> = {},
): NetworkGraph {
  const network = (layers: Layers) => embed(g, layers, features, options);
  return differentiableNetwork(g, network, state, layout, { provider: options.provider, ...mode });
}

/** @param network writes the layers: -> [N, embedDim], L2-normalized */
export function differentiableNetwork(
  g: GraphBuilder,
  network: (layers: Layers) => Value,
  state: { params: Value; buffers: Value },
  layout: NetworkLayout,
  mode: TrainingMode,
): NetworkGraph {
  const params = new Map([...unpack(g, state.params, layout.params)].map(([name, value]) => [name, g.watch(value)]));
  const running = unpack(g, state.buffers, layout.buffers);
  const layers = new TrainingLayers(g, new TensorMap(params, running), mode);
  const embeddings = network(layers);
  return {
    embeddings,
    buffers: pack(
      g,
      layout.buffers.map(({ name }) => layers.newBuffers.get(name) ?? running.get(name)!),
    ),
    gradients: (loss, others = []) => {
      const all = gradients(g, loss, [...params.values(), ...others]);
      const tensors = all.slice(0, params.size);
      return { params: pack(g, tensors), tensors, others: all.slice(params.size) };
    },
  };
}

export interface StepInputs {
  /** float32 [3, N, H, W], normalized. */
  features: Value;
  /** int32 [N] */
  labels: Value;
  /** float32 [N, batchK - 1] */
  uniforms: Value;
  /** uint8 [dropoutBytes], where the network has dropout. */
  dropout: Value | null;
  params: Value;
  buffers: Value;
  beta: Value;
}

export interface StepOutputs {
  loss: Value;
  /** int32 scalar */
  pairs: Value;
  embeddings: Value;
  /** int32 [N, batchK - 1] */
  negatives: Value;
  buffers: Value;
  /** `tensors` are those that `params` holds. */
  gradient: { params: Value; tensors: Value[]; beta: Value | null };
}

export function trainingStep(
  g: GraphBuilder,
  inputs: StepInputs,
  layout: NetworkLayout,
  options: TrainingOptions,
): StepOutputs {
  const network = networkGraph(g, inputs.features, inputs, layout, options, {
    batchNorm: options.freezeBn ? 'running' : 'batch',
    dropout: inputs.dropout ? randomDropout(inputs.dropout, options.dropout) : undefined,
  });
  return lossStep(g, network, inputs, options);
}

/** What follows the network in a step: sampling, loss and gradients. */
export function lossStep(
  g: GraphBuilder,
  network: NetworkGraph,
  inputs: Pick<StepInputs, 'labels' | 'uniforms' | 'beta'>,
  { batchK, margin, nu, normalizeWeights, learnBeta }: LossOptions,
): StepOutputs {
  const { embeddings } = network;
  const negatives = g.scope('sampling', () => {
    const weights = samplingWeights(g, g.stopGradient(embeddings), batchK, normalizeWeights);
    return sampleNegatives(g, weights, inputs.uniforms);
  });
  const beta = learnBeta ? g.watch(inputs.beta) : inputs.beta;
  const { loss, pairs } = g.scope('loss', () =>
    marginLoss(g, { embeddings, negatives, labels: inputs.labels, beta, batchK, margin, nu }),
  );
  const { params, tensors, others } = network.gradients(loss, learnBeta ? [beta] : []);
  return {
    loss,
    pairs,
    embeddings,
    negatives,
    buffers: network.buffers,
    gradient: { params, tensors, beta: others[0] ?? null },
  };
}
