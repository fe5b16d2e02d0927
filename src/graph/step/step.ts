/** One training step as a graph, from images to gradients. */
import type { GraphBuilder } from '../builder/builder.js';
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
import type { LossStepInputs } from './on-embeddings.js';
import { lossOnEmbeddings } from './on-embeddings.js';
import { wholeBatch } from './whole-batch.js';

export interface StepInputs extends LossStepInputs {
  /** The parameters and running statistics, packed. */
  params: Value;
  buffers: Value;
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

export function trainingStep(g: GraphBuilder, inputs: StepInputs, parts: StepParts): StepOutputs {
  const packing = parts.packing ?? flatPacking(parts.layout);
  const state = { params: inputs.params, buffers: inputs.buffers, inHalves: inputs.scale !== undefined };
  const passes = 'pieces' in parts ? inPieces(g, state, packing, parts.pieces) : wholeBatch(g, state, packing, parts);
  const { embeddings, buffers } = passes;
  const { outputs, tuples, scaled, learning, unscaled } = lossOnEmbeddings(g, embeddings, inputs, parts);
  const back = passes.back(scaled, learning.values, learning.called);
  const own = Object.fromEntries(learning.names.map((name, i) => [name, unscaled(back.others[i]!)]));
  const gradient = { params: unscaled(back.packed), tensors: back.tensors, own };
  return { ...outputs, embeddings, tuples, buffers, gradient };
}

/** Those of the tuples' tensors that depend on the batch, by name. */
export const tupleTensors = (tuples: Tuples | null): Record<string, Value> =>
  Object.fromEntries(
    Object.entries(tuples ?? {}).filter(
      (entry): entry is [string, Value] => typeof entry[1] === 'object' && 'name' in entry[1],
    ),
  );
