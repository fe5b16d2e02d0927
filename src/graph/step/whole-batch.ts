/** A batch embedded at once: one forward and one backward pass. */
import type { GraphBuilder } from '../builder/builder.js';
import { gradients } from '../builder/gradients.js';
import { inPart } from '../declarations.js';
import type { TrainingLayers } from '../nn/training.js';
import type { Value } from '../onnx/nodes.js';
import { bnDefaults } from '../ops/norm.js';
import type { Packing, VectorPacking } from '../state/packing.js';
import type { NamedShape } from '../state/state.js';
import type { NetworkParts, NetworkState, Passes } from './passes.js';
import { cut, forward, watched, widened } from './passes.js';

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

export function wholeBatch(g: GraphBuilder, state: NetworkState, packing: Packing, parts: NetworkParts): Passes {
  const tensors = watched(g, cut(g, state, packing));
  const renewal = packing.buffers.fill ? 'together' : 'each';
  const made = forward(g, tensors, { ...parts, mode: { ...parts.mode, renewal } });
  return {
    embeddings: made.embeddings,
    buffers: newBuffers(g, state.buffers, tensors.buffers, made.layers, packing.buffers),
    back: (loss, others, called) => {
      const names = [...tensors.params.keys(), ...called];
      const targets = [...made.read, ...others];
      const all = inPart('loss', () => g.untracked(() => gradients(g, loss, targets, names)));
      const slopes = widened(g, all.slice(0, made.read.length));
      return { packed: packing.params.pack(g, slopes), tensors: slopes, others: all.slice(made.read.length) };
    },
  };
}
