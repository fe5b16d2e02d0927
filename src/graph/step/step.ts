/** One training step as a graph, from images to gradients. */
import type { GraphBuilder } from '../builder/builder.js';
import { listing } from '../builder/listing.js';
import type { LossOutputs } from '../losses/loss.js';
import type { Value } from '../onnx/nodes.js';
import type { Parts } from '../parts/parts.js';
import type { Tuples } from '../samplings/sampling.js';
import type { Packing } from '../state/packing.js';
import { flatPacking } from '../state/packing.js';
import type { NetworkLayout } from '../state/state.js';
import type { Pieces } from './micro-batches.js';
import { inPieces } from './micro-batches.js';
import type { NetworkParts } from './passes.js';
import { requireOutputs, requireTuples } from './returned.js';
import { wholeBatch } from './whole-batch.js';
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

/** What a step is made of: the network on the whole batch, or on its pieces, and what is made of the embeddings. */
export type StepParts = (NetworkParts | { pieces: Pieces }) &
  Pick<Parts, 'loss' | 'sampling'> & {
    layout: NetworkLayout;
    /** How `params` and `buffers` lie; flat unless given. */
    packing?: Packing;
    batchK: number;
  };

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

export function trainingStep(g: GraphBuilder, inputs: StepInputs, parts: StepParts): StepOutputs {
  const { labels, uniforms, own } = inputs;
  const { layout, sampling, loss: definition, batchK } = parts;
  const packing = parts.packing ?? flatPacking(layout);

  const state = { params: inputs.params, buffers: inputs.buffers, inHalves: inputs.scale !== undefined };
  const passes = 'pieces' in parts ? inPieces(g, state, packing, parts.pieces) : wholeBatch(g, state, packing, parts);
  const { embeddings, buffers } = passes;

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
  const called = learning.map((name) => `the parameter ${name}`);
  const scaled = inputs.scale ? g.op('Mul', [outputs.loss, inputs.scale]) : outputs.loss;
  const back = passes.back(
    scaled,
    watched.map(([, value]) => value),
    called,
  );
  const inverse = inputs.scale && g.op('Reciprocal', [inputs.scale]);
  const unscaled = (value: Value): Value => (inverse ? g.op('Mul', [value, inverse]) : value);
  const ofOwn = Object.fromEntries(learning.map((name, i) => [name, unscaled(back.others[i]!)]));
  const gradient = { params: unscaled(back.packed), tensors: back.tensors, own: ofOwn };
  return { ...outputs, embeddings, tuples, buffers, gradient };
}

/** Those of the tuples' tensors that depend on the batch, by name. */
export const tupleTensors = (tuples: Tuples | null): Record<string, Value> =>
  Object.fromEntries(
    Object.entries(tuples ?? {}).filter(
      (entry): entry is [string, Value] => typeof entry[1] === 'object' && 'name' in entry[1],
    ),
  );
