/** One training step as a graph, from images to gradients. */
import type { GraphBuilder } from '../builder/builder.js';
import { inPart } from '../declarations.js';
import { listing } from '../builder/listing.js';
import { gradients } from '../builder/gradients.js';
import type { LossOutputs } from '../losses/loss.js';
import type { Layers } from '../nn/layers.js';
import { HalfTensors, TensorMap } from '../nn/tensor-map.js';
import type { TrainingMode } from '../nn/training.js';
import { TrainingLayers } from '../nn/training.js';
import type { Value } from '../onnx/nodes.js';
import { bnDefaults } from '../ops/norm.js';
import type { Parts } from '../parts/parts.js';
import type { Tuples } from '../samplings/sampling.js';
import type { Packing, VectorPacking } from '../state/packing.js';
import { flatPacking } from '../state/packing.js';
import type { NamedShape, NetworkLayout } from '../state/state.js';
import { requireOutputs, requireTuples } from './returned.js';
import { writePart } from './write-part.js';

export interface StepInputs {
  /** int32 [N] */
  labels: Value;
  /** float32 of the shape that the sampling declares; null when it declares none. */
  uniforms: Value | null;
  /** The parameters and running statistics, packed. */
  params: Value;
  buffers: Value;
  /** The state that the loss's parameters are in, by name. */
  own: Readonly<Record<string, Value>>;
  /** What the loss is multiplied with for the backward pass, a scalar: layers may compute in float16 then. */
  scale?: Value;
}

/** What a step is made of. */
export interface StepParts extends Pick<Parts, 'loss' | 'sampling'> {
  /** Writes the layers: -> [N, embedDim], L2-normalized. */
  network: (layers: Layers) => Value;
  layout: NetworkLayout;
  /** How `params` and `buffers` lie; flat unless given. */
  packing?: Packing;
  mode: TrainingMode;
  batchK: number;
}

export interface StepOutputs extends LossOutputs {
  embeddings: Value;
  tuples: Tuples | null;
  /** The running statistics after this batch, packed. */
  buffers: Value;
  /** Packed; its tensors, still scaled where the loss is; and of those of the loss's parameters that learn, by name. */
  gradient: { params: Value; tensors: Value[]; own: Record<string, Value> };
}

/** @throws Error where the loss is not made of the embeddings at all */
function requireEmbeddings(g: GraphBuilder, loss: Value, embeddings: Value): void {
  if (g.madeFrom(loss).has(embeddings.name)) return;
  throw new Error(
    'the loss does not depend on the embeddings: nothing that it is made of comes from them, so that nothing could learn',
  );
}

/** The running statistics after a batch; those that no layer has renewed stay as they are. */
function newBuffers(
  g: GraphBuilder,
  before: Value,
  running: ReadonlyMap<string, Value>,
  { newBuffers, statistics }: TrainingLayers,
  { pack, fill }: VectorPacking,
): Value {
  if (!fill) {
    const renewed = [...running].map(([name, old]) => newBuffers.get(name) ?? old);
    return pack(g, renewed);
  }
  if (statistics.size === 0) return before;
  const factorOf = ({ name }: NamedShape) => statistics.get(name)?.factor;
  const batch = pack(
    g,
    [...running].map(([name, old]) => statistics.get(name)?.value ?? old),
  );
  return g.scope('renew', () => {
    const kept = fill(g, (spec) => (factorOf(spec) === undefined ? 1 : 1 - bnDefaults.momentum));
    const taken = fill(g, (spec) => factorOf(spec) ?? 0);
    return g.op('Add', [g.op('Mul', [before, kept]), g.op('Mul', [batch, taken])]);
  });
}

/** A copy of the parameters in float16, made of the vector as a whole. */
function halfTensors(
  g: GraphBuilder,
  params: Value,
  running: ReadonlyMap<string, Value>,
  { unpack }: VectorPacking,
): HalfTensors {
  return g.scope('halves', () => {
    const copies = unpack(g, g.op('Cast', [params], { to: 'float16' }));
    return new HalfTensors(new Map([...copies].map(([name, value]) => [name, g.watch(value)])), running);
  });
}

export function trainingStep(g: GraphBuilder, inputs: StepInputs, parts: StepParts): StepOutputs {
  const { labels, uniforms, own } = inputs;
  const { layout, network, sampling, loss: definition, mode, batchK } = parts;
  const packing = parts.packing ?? flatPacking(layout);

  // Forward: every parameter learns, the running statistics are read and renewed.
  const unpacked = packing.params.unpack(g, inputs.params);
  const params = new Map([...unpacked].map(([name, value]) => [name, g.watch(value)]));
  const running = packing.buffers.unpack(g, inputs.buffers);
  const renewal = packing.buffers.fill ? 'together' : 'each';
  const halves = inputs.scale && halfTensors(g, inputs.params, running, packing.params);
  const layers = new TrainingLayers(g, new TensorMap(params, running), { ...mode, renewal }, halves);
  const embeddings = network(layers);
  const buffers = newBuffers(g, inputs.buffers, running, layers, packing.buffers);

  // Which tuples the loss looks at; no gradient flows through the choice.
  const fixed = { embeddings: sampling ? g.scope('sampling', () => g.stopGradient(embeddings)) : embeddings, labels };
  const tuples =
    sampling &&
    writePart(g, 'sampling', 'sampling', () => {
      const inputs = listing('inputs', { ...fixed, batchK, reference: fixed, uniforms });
      const chosen = sampling.sample(g, inputs);
      const rows = fixed.embeddings.shape[0] as number;
      requireTuples(chosen, sampling.kind, { embeddings: rows, reference: rows });
      return chosen;
    });

  // The loss, of the embeddings and its own parameters.
  const learning = (definition.parameters ?? []).filter(({ learns }) => learns).map(({ name }) => name);
  const watched = learning.map((name) => [name, g.watch(own[name]!)] as const);
  const parameters = listing(
    'parameters',
    { ...own, ...Object.fromEntries(watched) },
    ' (what create returns as parameters)',
  );
  const reference = { embeddings, labels };
  const outputs = writePart(g, 'loss', 'loss', () => {
    const inputs = listing('inputs', { embeddings, labels, batchK, reference, tuples, parameters });
    const made = definition.loss(g, inputs);
    requireOutputs(made, Object.keys(own));
    requireEmbeddings(g, made.loss, embeddings);
    return made;
  });

  // Backward: from the loss to every parameter.
  const isHalf = (name: string) => halves?.used.has(name) ?? false;
  const read = [...params].map(([name, value]) => (isHalf(name) ? halves!.param(name) : value));
  const targets = [...read, ...watched.map(([, value]) => value)];
  const called = [...params.keys(), ...learning.map((name) => `the parameter ${name}`)];
  const scaled = inputs.scale ? g.op('Mul', [outputs.loss, inputs.scale]) : outputs.loss;
  const all = inPart('loss', () => g.untracked(() => gradients(g, scaled, targets, called)));
  const slopes = all.slice(0, params.size);
  const tensors = slopes.map((slope) => (slope.dtype === 'float32' ? slope : g.op('Cast', [slope], { to: 'float32' })));
  const inverse = inputs.scale && g.op('Reciprocal', [inputs.scale]);
  const unscaled = (value: Value): Value => (inverse ? g.op('Mul', [value, inverse]) : value);
  const ofOwn = Object.fromEntries(learning.map((name, i) => [name, unscaled(all[params.size + i]!)]));
  const gradient = { params: unscaled(packing.params.pack(g, tensors)), tensors, own: ofOwn };
  return { ...outputs, embeddings, tuples, buffers, gradient };
}

/** Those of the tuples' tensors that depend on the batch, by name. */
export const tupleTensors = (tuples: Tuples | null): Record<string, Value> =>
  Object.fromEntries(
    Object.entries(tuples ?? {}).filter(
      (entry): entry is [string, Value] => typeof entry[1] === 'object' && 'name' in entry[1],
    ),
  );
