/** One training step as a graph: forward, sampling, loss and gradients. */
import { gradients } from './autodiff.js';
import type { GraphBuilder, Value } from './builder.js';
import { TensorMap, pack, unpack } from './flat.js';
import { embed } from './head.js';
import { marginLoss } from './loss.js';
import { randomDropout } from './ops/dropout.js';
import type { NetworkOptions, Provider, TrainingOptions } from './options.js';
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
  /** The flat gradient of a scalar with respect to the parameters, and those with respect to `others`. */
  gradients(loss: Value, others?: readonly Value[]): { params: Value; others: Value[] };
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
  const params = new Map([...unpack(g, state.params, layout.params)].map(([name, value]) => [name, g.watch(value)]));
  const running = unpack(g, state.buffers, layout.buffers);
  const layers = new TrainingLayers(g, new TensorMap(params, running), { provider: options.provider, ...mode });
  const embeddings = embed(g, layers, features, options);
  return {
    embeddings,
    buffers: pack(
      g,
      layout.buffers.map(({ name }) => layers.newBuffers.get(name) ?? running.get(name)!),
    ),
    gradients: (loss, others = []) => {
      const all = gradients(g, loss, [...params.values(), ...others]);
      return { params: pack(g, all.slice(0, params.size)), others: all.slice(params.size) };
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
  gradient: { params: Value; beta: Value | null };
}

export function trainingStep(
  g: GraphBuilder,
  inputs: StepInputs,
  layout: NetworkLayout,
  options: TrainingOptions,
): StepOutputs {
  const { batchK, margin, nu, normalizeWeights, learnBeta } = options;
  const network = networkGraph(g, inputs.features, inputs, layout, options, {
    batchNorm: options.freezeBn ? 'running' : 'batch',
    dropout: inputs.dropout ? randomDropout(inputs.dropout, options.dropout) : undefined,
  });
  const { embeddings } = network;
  const negatives = g.scope('sampling', () => {
    const weights = samplingWeights(g, g.stopGradient(embeddings), batchK, normalizeWeights);
    return sampleNegatives(g, weights, inputs.uniforms);
  });
  const beta = learnBeta ? g.watch(inputs.beta) : inputs.beta;
  const { loss, pairs } = g.scope('loss', () =>
    marginLoss(g, { embeddings, negatives, labels: inputs.labels, beta, batchK, margin, nu }),
  );
  const { params, others } = network.gradients(loss, learnBeta ? [beta] : []);
  return {
    loss,
    pairs,
    embeddings,
    negatives,
    buffers: network.buffers,
    gradient: { params, beta: others[0] ?? null },
  };
}
