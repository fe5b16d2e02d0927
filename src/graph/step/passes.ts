/** The way from a batch to its embeddings and back, of which there are two: the whole batch, or piece by piece. */
import type { GraphBuilder } from '../builder/builder.js';
import { HalfTensors, TensorMap } from '../nn/tensor-map.js';
import type { Layers } from '../nn/layers.js';
import type { TrainingMode } from '../nn/training.js';
import { TrainingLayers } from '../nn/training.js';
import type { Value } from '../onnx/nodes.js';
import type { Packing } from '../state/packing.js';

/** The network's state, packed. */
export interface NetworkState {
  params: Value;
  buffers: Value;
  /** Whether layers may compute in float16. */
  inHalves: boolean;
}

export interface NetworkParts {
  /** Writes the layers: -> [images, embedDim], L2-normalized. */
  network: (layers: Layers) => Value;
  mode: TrainingMode;
}

/** The gradient of the network, packed; its tensors; and of further values. */
export interface Gradient {
  packed: Value;
  tensors: Value[];
  others: Value[];
}

export interface Passes {
  /** [N, embedDim]; gradients are wanted of what is made of them. */
  embeddings: Value;
  /** The running statistics after the batch, packed. */
  buffers: Value;
  /** @param others values beside the network's parameters, and what errors call each */
  back: (loss: Value, others: readonly Value[], called: readonly string[]) => Gradient;
}

/** The network's tensors, by name. */
export interface Tensors {
  params: ReadonlyMap<string, Value>;
  buffers: ReadonlyMap<string, Value>;
  /** The parameters in float16, made of the vector as a whole; null where nothing is computed in it. */
  halves: ReadonlyMap<string, Value> | null;
}

/** Cuts a network's state into its tensors. */
export function cut(g: GraphBuilder, { params, buffers, inHalves }: NetworkState, packing: Packing): Tensors {
  const cutParams = packing.params.unpack(g, params);
  return {
    params: cutParams,
    buffers: packing.buffers.unpack(g, buffers),
    halves: inHalves
      ? g.scope('halves', () => packing.params.unpack(g, g.op('Cast', [params], { to: 'float16' })))
      : null,
  };
}

const watchAll = (g: GraphBuilder, tensors: ReadonlyMap<string, Value>): Map<string, Value> =>
  new Map([...tensors].map(([name, value]) => [name, g.watch(value)]));

/** The same, of which gradients are wanted. */
export const watched = (g: GraphBuilder, { params, buffers, halves }: Tensors): Tensors => ({
  params: watchAll(g, params),
  buffers,
  halves: halves && watchAll(g, halves),
});

/** A forward pass. */
export interface Forward {
  embeddings: Value;
  layers: TrainingLayers;
  /** What has been computed with, a value for each parameter: of the two precisions the one that it was read in. */
  read: Value[];
}

export function forward(
  g: GraphBuilder,
  { params, buffers, halves }: Tensors,
  { network, mode }: NetworkParts,
): Forward {
  const half = halves ? new HalfTensors(halves, buffers) : undefined;
  const layers = new TrainingLayers(g, new TensorMap(params, buffers), mode, half);
  const embeddings = network(layers);
  const read = [...params].map(([name, value]) => (half?.used.has(name) ? half.param(name) : value));
  return { embeddings, layers, read };
}

/** Gradients in float32. */
export const widened = (g: GraphBuilder, slopes: readonly Value[]): Value[] =>
  slopes.map((slope) => (slope.dtype === 'float32' ? slope : g.op('Cast', [slope], { to: 'float32' })));
