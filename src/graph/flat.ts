/** Flat vectors and the tensors inside them. */
import type { Value } from './builder.js';
import { GraphBuilder } from './builder.js';
import { embed } from './head.js';
import type { ParameterSource } from './nn.js';
import type { Dropout } from './ops/dropout.js';
import type { NetworkOptions } from './options.js';
import type { Init, NetworkLayout, TensorSpec } from './state.js';
import { elementCount } from './state.js';
import { TrainingLayers } from './training.js';

/** Notes every tensor that a network asks for, in the order in which it does: torchvision's state_dict order. */
class Recorder implements ParameterSource {
  readonly params: TensorSpec[] = [];
  readonly buffers: TensorSpec[] = [];

  constructor(private readonly g: GraphBuilder) {}

  param(name: string, shape: number[], init: Init): Value {
    this.params.push({ name, shape, init });
    return this.g.input(name, 'float32', shape);
  }

  buffer(name: string, shape: number[], init: Init): Value {
    this.buffers.push({ name, shape, init });
    return this.g.input(name, 'float32', shape);
  }
}

const totalCount = (specs: readonly TensorSpec[]): number => specs.reduce((n, { shape }) => n + elementCount(shape), 0);

/** Weight and bias of the backbone's last layer and of the head. */
const lastTensors = 4;

/**
 * The parameters and running statistics of a network and how they lie in the flat vectors.
 *
 * @throws Error when the model is unknown or the image size does not fit it
 */
export function describeNetwork(network: NetworkOptions): NetworkLayout {
  const g = new GraphBuilder();
  const recorder = new Recorder(g);
  const images = g.input('images', 'float32', [3, 1, network.imageSize, network.imageSize]);
  let dropoutCount = 0;
  const dropout: Dropout = (_, x) => {
    dropoutCount += elementCount(x.shape as number[]);
    return x;
  };
  embed(g, new TrainingLayers(g, recorder, { provider: 'cpu', batchNorm: 'running', dropout }), images, network);
  const { params, buffers } = recorder;
  return {
    params,
    buffers,
    paramCount: totalCount(params),
    bufferCount: totalCount(buffers),
    bodyCount: totalCount(params.slice(0, -lastTensors)),
    dropoutCount,
  };
}

/** Cuts a flat vector into its tensors, by name. */
export function unpack(g: GraphBuilder, vector: Value, specs: readonly TensorSpec[]): Map<string, Value> {
  if (!specs.length) return new Map();
  return g.scope('unpack', () => {
    const sizes = g.ints(specs.map(({ shape }) => elementCount(shape)));
    const parts = g.ops('Split', [vector, sizes], { axis: 0 }, specs.length);
    return new Map(specs.map(({ name, shape }, i) => [name, g.op('Reshape', [parts[i]!, g.ints(shape)])]));
  });
}

/** Tensors in the order in which to write what follows each of them, see `pack`. */
export const packOrder = (tensors: readonly Value[]): Value[] =>
  [true, false].flatMap((isMatrix) => tensors.filter(({ shape }) => (shape.length === 2) === isMatrix));

/**
 * Joins tensors to a flat vector.
 *
 * ONNX Runtime orders nodes depth first and runs a node's newest inputs first. The last layer's tensor is the newest here, so
 * that its gradient and then those before it are computed as the backward pass reaches them, and its working memory is free
 * again; in the other order the first layer's would come first and keep all the others' inputs alive. Matrices, the gradients of
 * linear layers, are the oldest and come at the end: they are larger than the two tensors that they are the product of.
 */
export function pack(g: GraphBuilder, tensors: readonly Value[]): Value {
  if (!tensors.length) return g.constant('float32', [0], []);
  return g.scope('pack', () => {
    const vectors = new Map(packOrder(tensors).map((tensor) => [tensor, g.op('Reshape', [tensor, g.ints([-1])])]));
    return g.op(
      'Concat',
      tensors.map((tensor) => vectors.get(tensor)!),
      { axis: 0 },
    );
  });
}

/** Serves parameters from unpacked vectors. @throws Error for a name that is not there */
export class TensorMap implements ParameterSource {
  constructor(
    private readonly params: Map<string, Value>,
    private readonly buffers: Map<string, Value>,
  ) {}

  param(name: string): Value {
    return find(this.params, name);
  }

  buffer(name: string): Value {
    return find(this.buffers, name);
  }
}

function find(tensors: Map<string, Value>, name: string): Value {
  const value = tensors.get(name);
  if (!value) throw new Error(`the layout has no tensor ${name}`);
  return value;
}
